# SPDX-License-Identifier: GPL-2.0-or-later
"""What shells complete after sockwhy: the real ones, at a terminal. tests/check says when the files are stale."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import pytest

from program import ROOT

FOLDER = ROOT / "packaging/completions"

# typed before the tabulator, and what the shell makes of it
TYPED = [
    ("sockwhy rea", "sockwhy read "),
    ("sockwhy read --sev", "sockwhy read --severity"),
    ("sockwhy read --severity w", "sockwhy read --severity warning"),
    ("sockwhy --severity=e", "sockwhy --severity=error"),
    ("sockwhy --packets cg", "sockwhy --packets cgroup"),
    ("sockwhy --mute connect-timed-ou", "sockwhy --mute connect-timed-ou"),  # none begins so
    ("sockwhy --finding conn-los", "sockwhy --finding conn-loss"),
    ("sockwhy --finding conn-loss,dns-nxd", "sockwhy --finding conn-loss,dns-nxdomain"),
    ("sockwhy --set slow-ans", "sockwhy --set slow-answer="),
    ("sockwhy doctor --dry", "sockwhy doctor --dry-run"),
    ("sockwhy watch --dry", "sockwhy watch --dry"),  # not an option of watch
    ("sockwhy read README.m", "sockwhy read README.md"),
    ("sockwhy read -o README.m", "sockwhy read -o README.md"),
    ("sockwhy explain connect-fall", "sockwhy explain connect-fallback"),
    ("sockwhy run --utc -- nsente", "sockwhy run --utc -- nsenter"),
]
START = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}
SETUP = {
    "bash": f"PS1='READY''>'; bind 'set enable-bracketed-paste off'; bind 'set bell-style none'; source {FOLDER}/sockwhy.bash",
    "zsh": f"fpath=({FOLDER} $fpath); autoload -Uz compinit; compinit -u -D; unset zle_bracketed_paste; unsetopt beep; "
           "PROMPT_SP=; PS1='READY''>'",
}


class Shell:
    """A shell at a terminal of its own, in the project's folder."""

    def __init__(self, name):
        self.pid, self.terminal = pty.fork()
        if not self.pid:
            os.chdir(ROOT)
            os.environ.update(TERM="dumb" if name == "bash" else "xterm", COLUMNS="200", HISTFILE="", LC_ALL="C.UTF-8")
            os.execvp(START[name][0], START[name])
        self.said = ""
        self.type(SETUP[name] + "\r")
        self.wait("READY>")

    def type(self, keys):
        os.write(self.terminal, keys.encode())

    def wait(self, what, seconds=60):
        """Reads until the screen has these words, in what came since the last call."""
        until = time.monotonic() + seconds
        while not re.search(what, self.plain()) and time.monotonic() < until:
            if select.select([self.terminal], [], [], 0.2)[0]:
                self.said += os.read(self.terminal, 65536).decode(errors="replace")
        found = re.search(what, self.plain())
        assert found, f"no {what!r} in {self.plain()!r}"
        self.said = ""

    def plain(self):
        text = re.sub(r"\x1b(\[[0-9;?]*[A-Za-z]|[=>])", "", self.said)
        shown = []
        for letter in text:  # what was taken back is not shown
            if letter != "\b":
                shown.append(letter)
            elif shown:
                shown.pop()
        return "".join(shown)

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


@pytest.mark.parametrize("name", sorted(START))
def test_typed(name):
    assert shutil.which(name), f"{name} is missing: make setup"
    shell = Shell(name)
    for typed, wanted in TYPED:
        # the end of line is typed behind it: what stands before it is what became of the word
        shell.type(typed + "\t#END")
        shell.wait(re.escape(wanted) + r"[ =,]?#END")
        shell.type("\x15\x0b\r")  # nothing is left of the line
        shell.wait("READY>")
    shell.close()


@pytest.mark.parametrize("typed,wanted", TYPED)
def test_fish(typed, wanted):
    assert shutil.which("fish"), "fish is missing: make setup"
    done = subprocess.run(["fish", "--no-config", "-c", f"source {FOLDER}/sockwhy.fish; complete -C '{typed}'"], cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30, check=True)
    words = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    assert done.stderr == ""
    if wanted == typed:
        assert words == []
    else:
        assert wanted.split()[-1] in words, words
