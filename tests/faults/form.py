# SPDX-License-Identifier: GPL-2.0-or-later
"""The form of a scenario: tables of scenarios/*.toml, one a scenario.

    [name]                     what goes wrong, in a word or two, unique
    right = "ID"               the finding that is right; [] or none: nothing may be said. A list: each of them is right.
                               A table by mode: {watch = "ID", run = [], read = "ID"}, or {live = …, read = …}; read is
                               as watch unless told
    also = ["ID"]              may be said beside it: the same fault as its other end suffers it
    miss = "ID"                the finding whose nearest miss this is
    healthy = "kind of load"   nothing is wrong here
    families = [4, 6]          variants, unless told otherwise
    modes = ["watch", "run"]   how it is played; what watch saw is captured, too, and judged by read
    needs = ["PROGRAM"]        where it is not installed, the scenario is not played, and the page keeps its row
    resolv = "…"               resolv.conf of the client: "nameserver {server}"
    files = {"name" = "…"}     made in {dir} before it begins
    args = ["--set", "…"]      options of the agent; the scenario then has an agent of its own
    short = true               part of make test, if it is right
    about = "…"                why this is the right finding, where that is not plain; told in the page
    do = '''
    server listen              one step a line: who, what, with words as peer.py's verbs take them
    client connect => REFUSED  what the step must come to, if not "ok"; any: whatever
    client& receive            does not wait for it; the next step of the client does
    wire drop to={server} syn count=1       what happens between client and router, where no kernel sees it: see wire.py
    router drop tcp dport {port}            an nftables rule of the router between them: drop, or any other statement with
    router rule … reject                    "rule"; of either end's own: "client rule output …", "server rule input …"
    wire seen 2                             waits until so many packets met such a fate (router too: of its drops)
    wire heal                               all rules of the scenario are gone, wherever they are
    '''
    machine = true             the server is another machine, with a kernel of its own (machine.py), on a link of the client's; then
                               there is no router and no wire, but the machine's own rules ("server rule forward …"), and
    '''
    behind listen              a program in the network behind the machine, to which it forwards over a link of 1280 bytes
    machine stop               it stands still; machine go; machine reboot: its power is cut, and it comes back. Who says so is
                               played alone
    '''

Braces: {server} {server2} {server3} its addresses, {port} {port2} its ports, {client} the client's address, {ip} "ip" or "ip6",
{host} the server as a URL wants it, {dir} a folder of its own, {faults} this one, {f} 4 or 6, {cert} a certificate of
example.test with its key, {other} one of somebody else, {icmp} icmp or icmpv6, {router} its address (the machine's on the link);
{behind} an address behind the machine, {absent} one of the link that nobody has, {hop-limit} of a socket option;
{loopback} {any} as its family has them, {loopback-host} as a URL does; {swapped} the port with its bytes exchanged; {6} the
figure, or nothing for IPv4;
{ip-level} {mtu-discover} of a socket option;
{unreachable} {port-code} {admin-code} {too-big} {too-big-code} the types and codes of ICMP errors in either family.
"""

import dataclasses
import pathlib
import shlex
import tomllib

FOLDER = pathlib.Path(__file__).with_name("scenarios")
KEYS = {"needs", "right", "also", "miss", "healthy", "families", "modes", "resolv", "files", "args", "short", "about", "do", "machine"}
MODES, FAMILIES = ("watch", "run"), (4, 6)
JUDGES = (*MODES, "read")  # read plays nothing: it is given the packets of watch's play
WHO = ("client", "server", "router", "wire")
WHO_MACHINE = ("client", "server", "behind", "machine")


@dataclasses.dataclass(frozen=True)
class Step:
    who: str
    verb: str
    words: tuple
    waits: bool
    result: str


@dataclasses.dataclass(frozen=True)
class Variant:
    """A scenario with one family: what is run and judged by itself."""
    scenario: str
    family: int
    table: dict = dataclasses.field(hash=False)

    @property
    def name(self):
        return f"{self.scenario}/v{self.family}"

    @property
    def modes(self):
        return tuple(self.table.get("modes", MODES))

    def get(self, key, default=None):
        return self.table.get(key, default)

    @property
    def alone(self):
        """The machine is everybody's, and something happens to it."""
        return bool(self.get("machine")) and any(line.startswith("machine ") for line in self.table["do"].splitlines())

    @property
    def judges(self):
        return self.modes + (("read",) if "watch" in self.modes else ())

    def right(self, mode):
        """The findings of which one must be said; empty: none may be."""
        told = self.table.get("right", [])
        if isinstance(told, dict):
            told = told.get(mode, told.get("live", told.get("watch", []) if mode == "read" else []))
        return as_list(told)

    def allowed(self, mode):
        return set(self.right(mode)) | set(self.table.get("also", []))

    def steps(self, words):
        return [parse(line, words) for line in self.table["do"].splitlines() if line.strip() and not line.strip().startswith("#")]


def as_list(told):
    return [told] if isinstance(told, str) else list(told)


def fill(text, words):
    """Braces with a word in them are filled in; others belong to the text."""
    for key, value in words.items():
        text = text.replace("{" + key + "}", str(value))
    return text


def parse(line, words):
    line, arrow, result = line.strip().partition(" => ")
    who, verb, *rest = line.split(None, 2)
    waits = not who.endswith("&")
    who = who.rstrip("&")
    rest = fill(rest[0], words) if rest else ""
    # what is a shell's or nft's business stays one word
    args = (rest,) if verb in ("drop", "rule", "sh") and who != "wire" else tuple(shlex.split(rest))
    return Step(who, verb, args, waits, result.strip() if arrow else "ok")


def load(folder=FOLDER):
    """All variants of all scenarios, in the order of the files."""
    found, seen = [], {}
    for path in sorted(folder.glob("*.toml")):
        try:
            tables = tomllib.loads(path.read_text())
        except tomllib.TOMLDecodeError as fault:
            raise ValueError(f"{path.name}: {fault}") from fault
        for name, table in tables.items():
            check(path.name, name, table, seen)
            found += [Variant(name, family, table) for family in table.get("families", FAMILIES)]
    return found


def check(file, name, table, seen):
    """A mistake in a scenario is told before anything runs."""
    def wrong(what):
        raise ValueError(f"{file}: [{name}]: {what}")
    if name in seen:
        wrong(f"stands in {seen[name]}, too")
    seen[name] = file
    if "do" not in table:
        wrong("no do")
    if unknown := set(table) - KEYS:
        wrong(f"unknown: {', '.join(sorted(unknown))}")
    for key, known in (("modes", MODES), ("families", FAMILIES)):
        if not set(table.get(key, ())) <= set(known):
            wrong(f"{key}: {table[key]}")
    if "right" not in table and "healthy" not in table and "miss" not in table:
        wrong("neither right, nor a miss, nor healthy")
    if "healthy" in table and table.get("right"):
        wrong("healthy, and yet something is to be said")
    if table.get("machine") and table.get("short"):
        wrong("make test has no other machine")
    who = WHO_MACHINE if table.get("machine") else WHO
    for line in table["do"].splitlines():
        if line.strip() and line.split()[0].rstrip("&") not in who and not line.strip().startswith("#"):
            wrong(f"who is {line.split()[0]}?")
