# SPDX-License-Identifier: GPL-2.0-or-later
"""The first process of the machine at the other end: it starts peers and runs scripts, as it is told over a serial line.

One JSON object a line, either way. Told: {"open": N, "behind": true or false} a peer of that number, here or in the network
behind this machine; {"to": N, "command": {…}} for it; {"shut": N} it may end; {"script": "…", "id": N} a shell script, run to its
end. Said: {"up": true} once, {"from": N, "told": {…}} what a peer answered, {"id": N, "status": …, "said": "…"} of a script.
"""

import ctypes
import json
import os
import select
import subprocess
import sys
import traceback
import tty

import peer

LINE = "/dev/ttyS1"
BEHIND = "/run/netns/behind"
CLONE_NEWNET = 0x40000000


class Child:
    """A peer in a process of its own; it ends with its standard input."""

    def __init__(self, behind, others):
        here, there = os.pipe(), os.pipe()
        self.pid = os.fork()
        if not self.pid:
            try:
                os.dup2(here[0], 0)
                os.dup2(there[1], 1)
                for fd in (*here, *there, *others):
                    os.close(fd)
                if behind:
                    enter(BEHIND)
                sys.stdin, sys.stdout = os.fdopen(0, "r"), os.fdopen(1, "w")
                peer.main()
            except BaseException:  # pylint: disable=broad-exception-caught
                os.write(2, traceback.format_exc().encode())
            os._exit(0)
        os.close(here[0])
        os.close(there[1])
        self.to, self.out, self.buffered = here[1], there[0], b""

    def fds(self):
        return [fd for fd in (self.to, self.out) if fd is not None]

    def shut(self):
        if self.to is not None:
            os.close(self.to)
            self.to = None

    def lines(self):
        """What it has said since, whole lines; None at its end."""
        got = os.read(self.out, 65536)
        if not got:
            self.shut()
            os.close(self.out)
            os.waitpid(self.pid, 0)
            return None
        *lines, self.buffered = (self.buffered + got).split(b"\n")
        return [json.loads(line) for line in lines]


def enter(path):
    with open(path, "rb") as file:
        assert ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())


def script(text):
    done = subprocess.run(["/bin/sh", "-ec", text], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return {"status": done.returncode, "said": done.stdout.decode(errors="replace")}


class Inside:
    def __init__(self):
        self.line = os.open(LINE, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.line)
        self.children = {}

    def say(self, **what):
        data = json.dumps(what).encode() + b"\n"
        while data:
            data = data[os.write(self.line, data):]

    def told(self, what):
        if "open" in what:
            others = [fd for child in self.children.values() for fd in child.fds()]
            self.children[what["open"]] = Child(what["behind"], [*others, self.line])
        elif "to" in what:
            os.write(self.children[what["to"]].to, json.dumps(what["command"]).encode() + b"\n")
        elif "shut" in what:
            if what["shut"] in self.children:
                self.children[what["shut"]].shut()
        else:
            self.say(id=what["id"], **script(what["script"]))

    def run(self):
        buffered = b""
        self.say(up=True)
        while True:
            outs = {child.out: number for number, child in self.children.items()}
            ready, _, _ = select.select([self.line, *outs], [], [])
            if self.line in ready:
                *lines, buffered = (buffered + os.read(self.line, 65536)).split(b"\n")
                for line in lines:
                    self.told(json.loads(line))
            for fd in set(ready) & set(outs):
                lines = self.children[outs[fd]].lines()
                for told in lines or ():
                    self.say(**{"from": outs[fd], "told": told})
                if lines is None:
                    del self.children[outs[fd]]


if __name__ == "__main__":
    Inside().run()
