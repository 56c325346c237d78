# SPDX-License-Identifier: GPL-2.0-or-later
"""House rules as functions: each takes the root of a tree and returns its complaints, one a line.

They take a root, not this checkout, so that test_selftest.py can point them at a small bad tree
and see that they complain.
"""
import json
import os
import re
import subprocess
from pathlib import Path

# The pipeline. A stage may see the public headers of those before it; agent sees everything.
STAGES = ("attach", "collect", "decode", "join", "rules", "sinks")
# The rooms of a stage, in order: a file of a room may see its own and those before it, and what
# stands in the stage's folder itself; that may see every room.
ROOMS = {"join": ("evidence", "host", "lookup", "segment", "conn", "talk", "attempt"),
         "agent": ("options", "input", "output", "live")}
# A product of its own has a folder of its name in each stage, with a public header of that name. No
# room sees it; it sees the rooms that stand here.
PRODUCTS = {"compare": ("segment", "conn"), "states": (), "timeline": (), "top": ()}

# "Must never know" (beyond what lies to the right): header or call, and why.
FORBIDDEN = {
    "bpf": (r"bpf_printk|bpf_trace_printk", r"text for humans is made in user space"),
    "collect": (r"#include [<\"](decode|join|rules|sinks)/", "what is inside a record"),
    "decode": (
        r"#include <(time|sys/time|fcntl|unistd|stdio|bpf/\w+)\.h>"
        r"|#include \"util/(clock|log|own)\.h\""
        r"|\b(clock_gettime|gettimeofday|time|socket|open|openat|fopen)\(",
        "no time, sockets, files, libbpf",
    ),
    "join": (
        r"#include <(time|sys/time|fcntl|stdio|bpf/\w+)\.h>|#include \"util/clock\.h\"|/proc\b(?![^\n]*\*/)"
        r"|\b(clock_gettime|gettimeofday|time|fopen|openat)\(",
        "no rules, sinks, /proc, no clock",
    ),
    "rules": (
        r"#include <(time|sys/time|sys/socket|fcntl|unistd|stdio|stdlib|bpf/\w+)\.h>"
        r"|#include \"util/(clock|log|own)\.h\""
        r"|\b(clock_gettime|gettimeofday|time|malloc|calloc|realloc|free|printf|fprintf|fopen)\(",
        "no clock, malloc, stdio",
    ),
    "sinks": (
        r"#include [<\"](attach|collect|bpf)/|/proc\b(?![^\n]*\*/)|\bATTEMPT_[A-Z]+\b|->openings\b(?=\[)",
        "not how an event arrived, nor what an attempt is about: join tells",
    ),
}

SOURCE_SUFFIXES = (".c", ".h")
# Data that carries no comment, and texts of others.
NO_SPDX = re.compile(
    r"^(LICENSES/|debian/(changelog|clean|copyright|docs|source/format)$|tests/fuzz/seeds/|tests/replay/cases/.*\.expected[^/]*$)"
    r"|\.(json|pcap|pcapng|gz|rec|bin)$"
)
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
# no_resolver.c defines names of the C library on purpose
NAMES_OF_OTHERS = ("user/util/no_resolver.c", "user/agent/main.c")


def files(root):
    """Relative paths of the project's files: what git tracks or would, else every file."""
    root = Path(root)
    if (root / ".git").exists():
        out = subprocess.run(["git", "-C", str(root), "ls-files", "-co", "--exclude-standard"],
                             check=True, stdout=subprocess.PIPE, text=True).stdout
        return sorted(p for p in out.splitlines() if (root / p).is_file())
    found = []
    for folder, _dirs, names in os.walk(root):
        found += [str(Path(folder, name).relative_to(root)) for name in names]
    return sorted(found)


def read(root, path):
    return Path(root, path).read_text(encoding="utf-8", errors="replace")


def sources(root, *prefixes):
    return [p for p in files(root)
            if p.endswith(SOURCE_SUFFIXES) and (not prefixes or p.startswith(prefixes))]


def includes(text):
    """(line number, name, quoted?) of every include."""
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', line)
        if match:
            yield number, match[1] or match[2], bool(match[1])


def without_comments(text):
    """The same lines, comments blanked: prose may name what code may not."""
    return re.sub(r"/\*.*?\*/|//[^\n]*",
                  lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)


# ---- layers ----

def include_allowed(root, stage, name, beside):
    """May a file of user/STAGE, in the folder BESIDE, include "NAME" (as the compiler is given it)?"""
    folder, _slash, header = name.partition("/")
    if not header:  # "event.h" of include/, or a header beside the file, or the skeleton
        return (Path(root, "include", name).exists() or Path(root, beside, name).exists()
                or (name == "sockwhy.skel.h" and stage in ("attach", "agent")))
    if folder in ("util", stage) or stage == "agent":
        return True
    if stage not in STAGES or folder not in STAGES:
        return False
    public = [folder + ".h"] + [f"{product}/{product}.h" for product in PRODUCTS]
    return STAGES.index(folder) < STAGES.index(stage) and header in public


def check_layers(root):
    """Includes point left."""
    complaints = []
    for path in sources(root, "user/", "bpf/", "include/"):
        parts = path.split("/")
        for number, name, quoted in includes(read(root, path)):
            if not quoted:
                continue
            if parts[0] == "user":
                allowed = include_allowed(root, parts[1], name, Path(path).parent)
            elif parts[0] == "bpf":
                allowed = name == "vmlinux.h" or "/" not in name and (
                    Path(root, "include", name).exists() or Path(root, "bpf", name).exists())
            else:
                allowed = Path(root, "include", name).exists()
            if not allowed:
                complaints.append(f"{path}:{number}: may not include \"{name}\"")
    return complaints


def room_allowed(stage, room, seen):
    """May a file of the folder ROOM of a stage (None: of the stage's own) see its folder SEEN?"""
    if room == seen or seen is None:
        return True
    if seen in PRODUCTS:
        return False
    if room in PRODUCTS:
        return seen in PRODUCTS[room]
    if room is None:
        return True
    rooms = ROOMS[stage]
    return room in rooms and seen in rooms and rooms.index(seen) < rooms.index(room)


def check_rooms(root):
    """Inside a stage, too, includes point one way."""
    complaints = []
    for stage in ROOMS:
        for path in sources(root, f"user/{stage}/"):
            room = path.split("/")[2] if path.count("/") > 2 else None
            for number, name, quoted in includes(read(root, path)):
                parts = name.split("/")
                if not quoted or parts[0] != stage:
                    continue
                seen = parts[1] if len(parts) > 2 else None
                if not room_allowed(stage, room, seen):
                    complaints.append(f"{path}:{number}: {room or stage} may not see {seen}: \"{name}\"")
    return complaints


def check_must_never_know(root):
    """The table of what a layer must never know."""
    complaints = []
    for path in sources(root, "user/", "bpf/"):
        parts = path.split("/")
        layer = "bpf" if parts[0] == "bpf" else parts[1]
        if layer not in FORBIDDEN:
            continue
        pattern, reason = FORBIDDEN[layer]
        text = without_comments(read(root, path))
        for number, line in enumerate(text.splitlines(), 1):
            found = re.search(pattern, line)
            if found:
                complaints.append(f"{path}:{number}: {layer} must never know: {reason}: {found[0]}")
    return complaints


def check_public_headers(root):
    """One stage, one public header of the folder's name, opening with its theory of operation."""
    complaints = []
    for stage in STAGES:
        if not Path(root, "user", stage).is_dir():
            continue
        header = Path(root, "user", stage, stage + ".h")
        if not header.exists():
            complaints.append(f"user/{stage}: no {stage}.h")
        elif "Theory of operation" not in header.read_text(encoding="utf-8"):
            complaints.append(f"user/{stage}/{stage}.h: no theory of operation")
    return complaints


# ---- files ----

def check_spdx(root):
    """SPDX line first in every file: GPL-2.0-only in bpf/ (and its types), or-later elsewhere."""
    complaints = []
    for path in files(root):
        if NO_SPDX.search(path):
            continue
        head = "\n".join(read(root, path).splitlines()[:2])
        kernel = path.startswith("bpf/") or re.match(r"vmlinux/\w+/vmlinux\.h$", path)
        licence = "GPL-2.0-only" if kernel else "GPL-2.0-or-later"
        # the header both sides compile carries the kernel's licence or both
        if path.startswith("include/"):
            licence = "GPL-2.0-(only|or-later)"
        if not re.search(r"SPDX-License-Identifier: " + licence + r"\b", head):
            complaints.append(f"{path}: no SPDX-License-Identifier: {licence} in its first lines")
    return complaints


def check_file_size(root):
    """A file over 600 lines asks to be split."""
    complaints = []
    for path in files(root):
        if path.startswith("vmlinux/") or not path.endswith((".c", ".h", ".py", ".sh")):
            continue
        lines = read(root, path).count("\n")
        if lines > FILE_LINES_MAX:
            complaints.append(f"{path}: {lines} lines, over {FILE_LINES_MAX}: one subject or two?")
    return complaints


def check_function_size(root):
    """A function over a screen asks to be split. Kernel style: its braces stand in column 0."""
    complaints = []
    for path in sources(root, "user/", "bpf/"):
        start, name = 0, "?"
        for number, line in enumerate(read(root, path).splitlines(), 1):
            head = re.match(r"[a-z][\w *]*?\b(\w+)\(", line)
            if head:
                name = head[1]
            elif line.startswith("{"):
                start = number
            elif line.startswith("}") and start:
                if number - start > FUNCTION_LINES_MAX:
                    complaints.append(f"{path}:{start}: {name}() has {number - start} lines, "
                                      f"over {FUNCTION_LINES_MAX}")
                start = 0
    return complaints


def check_hygiene(root):
    """No path of a developer's machine, no unfinished work, no file that does not belong."""
    # put together so that this file does not hold what it looks for
    here = re.compile(r"(?<![\w.])/" + r"(?:work|root|home/[a-z]\w*)/" r"|\bTO" r"DO\b|\bFIX" r"ME\b|\bXX" r"X\b")
    complaints = []
    for path in files(root):
        if path.startswith(("vmlinux/", "LICENSES/", "tests/fuzz/seeds/")):
            continue
        if re.search(r"\.(o|d|pyc|orig|rej|swp|log)$", path):
            complaints.append(f"{path}: does not belong in the tree")
        for number, line in enumerate(read(root, path).splitlines(), 1):
            found = here.search(line)
            if found:
                complaints.append(f"{path}:{number}: {found[0]}")
    return complaints


def check_format(root, clang_format="clang-format"):
    """clang-format would change nothing."""
    paths = sources(root, "user/", "bpf/", "include/", "tests/", "packaging/")
    count = os.cpu_count()
    runs = [subprocess.Popen([clang_format, "--dry-run", "-Werror", "--style=file", *paths[n::count]], cwd=root,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for n in range(count) if paths[n::count]]
    complaints = {}
    for run in runs:
        said = run.communicate()[0]
        for line in said.splitlines():
            found = re.match(r"([^:]+):\d+:\d+: error: ", line)
            if found:
                complaints.setdefault(found[1], f"{line}; make format")
        if run.returncode and not complaints:
            complaints[""] = said
    return sorted(complaints.values())


# ---- names ----

def words_of_types(root):
    """The structs and enums of all stages."""
    words = set()
    for path in sources(root, "user/"):
        text = read(root, path)
        words.update(re.findall(r"\b(?:struct|enum) (\w+) \{", text))
        words.update(re.findall(r"^struct (\w+);", text, flags=re.M))
    return words


def words_of_stage(root, stage):
    """What a function of this stage may be named after besides: its files."""
    words = {Path(stage).name}
    for path in sources(root, stage + "/"):
        stem = Path(path).stem
        # nft_rule.c and nft_compare.c are one module, nft, in two files
        words.update((stem, stem.split("_")[0]))
    return words


def check_names(root):
    """module_verb_object(); no typedef for structs."""
    function = re.compile(r"^(?!static|return|else|typedef|#)(?:[a-z_]\w* )+\**(\w+)\([^;]*$")
    complaints = []
    types, stages = words_of_types(root), {}
    for path in sources(root, "user/"):
        text = without_comments(read(root, path))
        stage = "/".join(path.split("/")[:2])
        if path in NAMES_OF_OTHERS:
            continue
        if stage not in stages:
            stages[stage] = types | words_of_stage(root, stage)
        words = stages[stage]
        singular = {word[:-1] for word in words if word.endswith("s")}
        for number, line in enumerate(text.splitlines(), 1):
            if re.match(r"\s*typedef (struct|union|enum)\b", line):
                complaints.append(f"{path}:{number}: typedef for a struct")
            found = function.match(line) if path.endswith(".c") else None
            if found and not any(found[1] == word or found[1].startswith(word + "_")
                                 for word in words | singular):
                complaints.append(f"{path}:{number}: {found[1]}(): no module's name in front")
    return complaints


# Tools that read C as C++, and readers who know it, stumble over these.
CPP_KEYWORDS = frozenset(
    "alignas alignof and and_eq bitand bitor catch char8_t char16_t char32_t class compl concept consteval "
    "constexpr constinit const_cast co_await co_return co_yield decltype delete dynamic_cast explicit export "
    "friend mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public "
    "reinterpret_cast requires static_cast template this thread_local throw try typeid typename using virtual "
    "wchar_t xor xor_eq".split())


def check_keywords(root):
    """No keyword of C++ as a name."""
    complaints = []
    literal = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'')
    for path in sources(root, "user/", "bpf/", "include/", "tests/", "packaging/"):
        for number, line in enumerate(without_comments(read(root, path)).splitlines(), 1):
            complaints += [f"{path}:{number}: {word} is a keyword of C++"
                           for word in re.findall(r"\b[a-z_0-9]+\b", literal.sub("", line))
                           if word in CPP_KEYWORDS and not line.lstrip().startswith("#")]
    return complaints


def check_written_once(root):
    """What has a name is not written out: nanoseconds (include/ns.h), mixing (util/hash.h)."""
    numbers = ((re.compile(r"_ns\b.*\b[1-9]\d*0{6}u?l*\b", re.I), "nanoseconds have names in ns.h"),
               (re.compile(r"\b(0x100000001b3|16777619|2166136261|2654435761)u?l*\b", re.I),
                "bytes are mixed by util/hash.h"))
    complaints = []
    for path in sources(root, "user/", "bpf/", "include/"):
        for number, line in enumerate(without_comments(read(root, path)).splitlines(), 1):
            complaints += [f"{path}:{number}: {why}" for pattern, why in numbers
                           if pattern.search(line) and path not in ("include/ns.h", "user/util/hash.h")]
    return complaints


def check_rules_listed(root):
    """Every row of findings/ stands in the list of rules: what is not there is never asked."""
    catalogue_h = Path(root, "user/rules/catalogue.h")
    if not catalogue_h.exists():
        return []
    listed = set(re.findall(r"\bX\((\w+)\)", catalogue_h.read_text(encoding="utf-8")))
    return [f"{path}: rule_{name} is not in catalogue.h"
            for path in sources(root, "user/rules/")
            for name in re.findall(r"^const struct rule rule_(\w+) = ", read(root, path), flags=re.M)
            if name not in listed]


def check_globals(root, archive="build/libsockwhy.a", allowed=("log_place", "log_level")):
    """No globals but const tables: nothing in .data or .bss."""
    out = subprocess.run(["nm", "-f", "sysv", archive], cwd=root, check=True,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    complaints, member = [], "?"
    for line in out.splitlines():
        if line.startswith("Symbols from"):
            member = line.split("[")[-1].rstrip("]:")
        columns = [column.strip() for column in line.split("|")]
        if len(columns) == 7 and columns[3] == "OBJECT" and re.match(r"\.(data|bss)(?!\.rel\.ro)", columns[6]):
            name = columns[0].split(".")[0]
            if name not in allowed:
                complaints.append(f"{member}: {name} is a variable in {columns[6]}")
    return complaints


def check_no_name_service(root, objects="build/obj/user"):
    """Nothing asks NSS: no lookup leaves the host, and the static binary needs no library of it."""
    asking = re.compile(r"^(getpw(nam|uid|ent)(_r)?|getgr(nam|gid|ent)(_r)?|getgrouplist|initgroups"
                        r"|getservby\w+|gethostby\w+|getnetby\w+|getprotoby\w+|getaddrinfo|getnameinfo"
                        r"|dlopen)$")
    paths = sorted(Path(root, objects).rglob("*.o"))
    out = subprocess.run(["nm", "-u", "-A", *paths], check=True, stdout=subprocess.PIPE, text=True).stdout
    calls = [(Path(path), name) for path, name in re.findall(r"^(.*?):\s+U (\w+)", out, flags=re.M)]
    return [f"{path.parent.name}/{path.stem}.c: calls {name}()" for path, name in calls if asking.match(name)]


# ---- documents in step with tables ----

def packages(root):
    """Names in packaging/packages.txt."""
    lines = read(root, "packaging/packages.txt").splitlines()
    return [line.split()[0] for line in lines if line and not line.startswith("#")]


def check_packages_documented(root):
    """Every package that setup installs stands in the README, with what it is for."""
    readme = read(root, "README.md")
    return [f"README.md: package {name} is missing" for name in packages(root)
            if f"`{name}`" not in readme]


def check_man_renders(root):
    """groff has nothing to say against the man pages."""
    complaints = []
    for page in [path for path in files(root) if path.startswith("man/")]:
        run = subprocess.run(["groff", "-mandoc", "-Tutf8", "-ww", "-z", page], cwd=root,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        complaints += run.stdout.splitlines()
    return complaints


def check_json_files(root):
    """Every .json file of the project parses."""
    complaints = []
    for path in files(root):
        if path.endswith(".json"):
            try:
                json.loads(read(root, path))
            except ValueError as error:
                complaints.append(f"{path}: {error}")
    return complaints
