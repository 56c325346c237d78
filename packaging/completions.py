# SPDX-License-Identifier: GPL-2.0-or-later
"""What bash, zsh and fish complete after sockwhy, from the program's tables: docs.py writes it.

An option is a row (group, name, head, what, commands) of docs.options(); its value's kind follows from
how --help calls it.
"""
import re

SEVERITIES = ("info", "warning", "error")
FORMS = {"FILE": "files", "FILE.html|FILE.md": "files", "FILE.prom": "files", "FILE|none": "files", "IFACE": "interfaces", "PID": "processes",
         "USER": "users", "UID": "users", "PATH|all": "namespaces", "THRESHOLD=VALUE": "thresholds",
         "X": SEVERITIES, "SEVERITY": SEVERITIES}
FILE_COMMANDS = ("read", "flows", "compare")
SPDX = "# SPDX-License-Identifier: GPL-2.0-or-later\n# Made by make docs from the program's tables.\n"


class Option:
    def __init__(self, row):
        _group, _name, head, self.what, self.commands = row
        letter, long_, value = re.fullmatch(r"(?:-(\w))?(?:, )?(?:--([\w-]+))?(?: (\S+))?", head).groups()
        self.letter, self.name, self.value = letter, long_, value
        self.words = [f"-{letter}"] * bool(letter) + [f"--{long_}"] * bool(long_)
        self.kind = self.kind_of()

    def kind_of(self):
        """None: without a value; "": a value of which nothing is known; words; or one of FORMS."""
        if self.value is None:
            return None
        if self.name in ("finding", "mute"):
            return "findings"
        if self.value in FORMS:
            return FORMS[self.value]
        return tuple(self.value.split("|")) if re.fullmatch(r"[a-z]+(\|[a-z]+)+", self.value) else ""


# ---- bash ----

BASH = r"""{spdx}
_sockwhy()
{{
	local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}}
	local command= options i
	local findings='{findings}'
	local thresholds='{thresholds}'

	# --option=value comes as three words
	if [ "$cur" = = ]; then
		cur=
	elif [ "$prev" = = ] && [ "$COMP_CWORD" -gt 1 ]; then
		prev=${{COMP_WORDS[COMP_CWORD - 2]}}
	fi

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${{COMP_WORDS[i]}} in
		--) break ;;
		=) i=$((i + 1)) ;;
		{valued}) [ "${{COMP_WORDS[i + 1]}}" = = ] || i=$((i + 1)) ;;
		-*) ;;
		*) command=${{COMP_WORDS[i]}} && break ;;
		esac
	done
	# what follows the command of run is the command's own
	if [ "$command" = run ]; then
		for ((i = i + 1; i < COMP_CWORD; i++)); do
			case ${{COMP_WORDS[i]}} in
			--) i=$((i + 1)) && break ;;
			{valued}) i=$((i + 1)) ;;
			-*) ;;
			*) break ;;
			esac
		done
		if [ "$i" -lt "$COMP_CWORD" ]; then
			compopt -o default
			return
		elif [ "${{COMP_WORDS[i - 1]}}" = -- ]; then
			COMPREPLY=($(compgen -c -- "$cur"))
			return
		fi
	fi

	case $prev in
{cases}
	esac

	case ${{command:-watch}} in
{commands}
	*) options= ;;
	esac
	case $cur in
	-*) COMPREPLY=($(compgen -W "$options" -- "$cur")) ;;
	*)
		case $command in
		'') COMPREPLY=($(compgen -W '{names}' -- "$cur")) ;;
		{files}) compopt -o filenames && COMPREPLY=($(compgen -f -- "$cur")) ;;
		explain) COMPREPLY=($(compgen -W "$findings" -- "$cur")) ;;
		esac
		;;
	esac
}}
complete -F _sockwhy sockwhy
"""
BASH_VALUES = {
    "files": "compopt -o filenames && COMPREPLY=($(compgen -f -- \"$cur\"))",
    "interfaces": "COMPREPLY=($(cd /sys/class/net && compgen -W '*' -- \"$cur\"))",
    "processes": "COMPREPLY=($(cd /proc && compgen -G \"$cur*\" | grep -x '[0-9]*'))",
    "users": "COMPREPLY=($(compgen -u -- \"$cur\"))",
    "namespaces": "COMPREPLY=($(compgen -W \"all $(ls /run/netns 2>/dev/null)\" -- \"$cur\"))",
    "thresholds": "compopt -o nospace && COMPREPLY=($(compgen -W \"$thresholds\" -S = -- \"$cur\"))",
    # of a list the last one
    "findings": "COMPREPLY=($(compgen -P \"${cur%\"${cur##*,}\"}\" -W \"$findings\" -- \"${cur##*,}\"))",
    "": ":",
}


def bash(options, findings, thresholds, names):
    cases, commands, by_kind = [], [], {}
    for option in options:
        if option.kind is not None:
            by_kind.setdefault(option.kind, []).extend(option.words)
    for kind, words in by_kind.items():
        does = BASH_VALUES[kind] if isinstance(kind, str) else f"COMPREPLY=($(compgen -W '{' '.join(kind)}' -- \"$cur\"))"
        cases.append("\t" + " | ".join(words) + f")\n\t\t{does}\n\t\treturn\n\t\t;;")
    for name in names:
        words = " ".join(word for option in options if name in option.commands for word in option.words)
        commands.append(f"\t{name}) options='{words}' ;;")
    # without a command the first word may be one, too
    valued = " | ".join(word for option in options if option.kind is not None for word in option.words)
    return BASH.format(spdx=SPDX, findings=" ".join(findings), thresholds=" ".join(thresholds), valued=valued,
                       cases="\n".join(cases), commands="\n".join(commands), names=" ".join(names),
                       files=" | ".join(FILE_COMMANDS))


# ---- zsh ----

ZSH = r"""#compdef sockwhy
{spdx}
_sockwhy_findings() {{
	_values -s , finding {findings}
}}

_sockwhy() {{
	local curcontext=$curcontext state line word command=watch
	local -a options rest known

	known=(
{names}
	)
	for word in ${{words[2,CURRENT-1]}}; do
		[[ $word == (--|-*) ]] && continue
		(( ${{known[(I)$word:*]}} )) && command=$word && rest=('1: :->command')
		break
	done

	# what follows -- is a command line of its own
	if [[ $command == run ]] && (( ${{words[(i)--]}} < CURRENT )); then
		(( CURRENT -= ${{words[(i)--]}} ))
		shift ${{words[(i)--]}} words
		_normal
		return
	fi

	case $command in
{cases}
	esac
	case $command in
	run) rest+=('2:command:_command_names -e' '*:: :_normal') ;;
	{files}) rest+=('*:capture or recording:_files') ;;
	explain) rest+=('*:finding:({findings})') ;;
	watch) rest=('1: :->command' '*:filter: ') ;;
	esac

	_arguments -s -S $options $rest && return
	[[ $state == command ]] && _describe command known
}}

_sockwhy "$@"
"""
ZSH_VALUES = {"files": "_files", "interfaces": "_net_interfaces", "processes": "_pids", "users": "_users",
              "namespaces": "(all /run/netns/*(N:t))", "findings": "_sockwhy_findings", "": " "}


def zsh_text(text):
    return text.replace("'", "'\\''").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


def zsh_row(option, thresholds):
    value = ""
    if option.kind is not None:
        if option.kind == "thresholds":
            does = "compadd -S = " + " ".join(thresholds)
            does = "{" + does + "}"
        elif option.kind == "namespaces":
            does = "{compadd all /run/netns/*(N:t)}"
        else:
            does = ZSH_VALUES[option.kind] if isinstance(option.kind, str) else f"({' '.join(option.kind)})"
        value = f":{zsh_text(option.value)}:{does}"
    rows = []
    for word in option.words:
        end = "" if option.kind is None else "=" if word.startswith("--") else "+"
        rows.append(f"'*{word}{end}[{zsh_text(option.what)}]{value}'")
    return rows


def zsh(options, findings, thresholds, names, whats):
    cases = []
    for name in names:
        rows = [row for option in options if name in option.commands for row in zsh_row(option, thresholds)]
        cases += [f"\t{name})", "\t\toptions=(", *("\t\t\t" + row for row in rows), "\t\t)", "\t\t;;"]
    return ZSH.format(spdx=SPDX, findings=" ".join(findings), cases="\n".join(cases), files="|".join(FILE_COMMANDS),
                      names="\n".join(f"\t\t'{name}:{zsh_text(whats[name])}'" for name in names))


# ---- fish ----

FISH = r"""{spdx}
# the command that the line names; watch where it names none
function __sockwhy_command
    for word in (commandline -opc)[2..]
        switch $word
            case {names}
                echo $word
                return
            case '-*'
            case '*'
                break
        end
    end
    echo watch
end

function __sockwhy_takes
    contains -- (__sockwhy_command) $argv
end

function __sockwhy_begins
    test (count (commandline -opc)) = 1
end

function __sockwhy_findings
    # of a list the last one
    set -l begun (string replace -r '[^,=]*$' '' -- (commandline -ct | string replace -r '^--[a-z-]+=' ''))
    printf "$begun%s\n" {findings}
end

complete -c sockwhy -f
complete -c sockwhy -n '__sockwhy_takes {files}' -F
complete -c sockwhy -n '__sockwhy_takes run' -a '(__fish_complete_command)'
complete -c sockwhy -n '__sockwhy_takes explain' -a '(__sockwhy_findings)'
{commands}
{options}
"""
FISH_VALUES = {"files": "-r -F", "interfaces": "-x -a '(__fish_print_interfaces)'", "processes": "-x -a '(__fish_complete_pids)'",
               "users": "-x -a '(__fish_complete_users)'", "namespaces": "-x -a 'all (ls /run/netns 2>/dev/null)'",
               "findings": "-x -a '(__sockwhy_findings)'", "": "-x"}


def fish_text(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish(options, findings, thresholds, names, whats):
    rows = []
    for option in options:
        if option.kind is None:
            value = ""
        elif option.kind == "thresholds":
            value = " -x -a " + fish_text(" ".join(name + "=" for name in thresholds))
        else:
            value = " " + (FISH_VALUES[option.kind] if isinstance(option.kind, str) else f"-x -a '{' '.join(option.kind)}'")
        rows.append("complete -c sockwhy -n '__sockwhy_takes " + " ".join(option.commands) + "'"
                    + (f" -s {option.letter}" if option.letter else "") + (f" -l {option.name}" if option.name else "")
                    + value + f" -d {fish_text(option.what)}")
    commands = [f"complete -c sockwhy -n __sockwhy_begins -a {name} -d {fish_text(whats[name])}" for name in names]
    return FISH.format(spdx=SPDX, names=" ".join(names), findings=" ".join(findings), files=" ".join(FILE_COMMANDS),
                       commands="\n".join(commands), options="\n".join(rows))


def pages(rows, findings, thresholds, commands):
    """(path, whole text) of each shell. @commands: name -> what it does."""
    options, names = [Option(row) for row in rows], list(commands)
    yield "packaging/completions/sockwhy.bash", bash(options, findings, thresholds, names)
    yield "packaging/completions/_sockwhy", zsh(options, findings, thresholds, names, commands)
    yield "packaging/completions/sockwhy.fish", fish(options, findings, thresholds, names, commands)
