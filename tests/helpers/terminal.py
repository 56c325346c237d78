# SPDX-License-Identifier: GPL-2.0-or-later
"""A real terminal: tmux, in which a program is run, keys are pressed and the screen is read."""

import os
import pathlib
import select
import subprocess
import time

PATIENCE_S = 30  # an upper bound only: what is waited for is output

# What the shell says when the program is over, and what it says it with: the program must not say it before.
SCRIPT = """stty -a > {folder}/before
{command}
echo ended: $?
stty -a > {folder}/after
read nothing
"""


class Terminal:
    """A window of that size in a server of its own; `command` is run in it by a shell."""

    def __init__(self, folder, command, width=80, height=24, wrap=(), env=None):
        self.folder = pathlib.Path(folder, "terminal")
        self.folder.mkdir()
        self.socket = self.folder / "socket"
        script = self.folder / "script"
        script.write_text(SCRIPT.format(folder=self.folder, command=command))
        fifo = self.folder / "output"
        os.mkfifo(fifo)
        self.output = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        self.env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "xterm-256color", **(env or {})}
        # the shell begins when its output is listened to
        self.tmux("new-session", "-d", "-s", "top", "-x", width, "-y", height, f"read go; . {script}", wrap=wrap)
        self.tmux("pipe-pane", "-t", "top", f"exec cat > {fifo}")
        self.press("Enter")

    def tmux(self, *args, wrap=()):
        done = subprocess.run([*wrap, "tmux", "-S", self.socket, "-f", "/dev/null", *map(str, args)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env=self.env, timeout=PATIENCE_S, check=False)
        assert done.returncode == 0, f"tmux {args}: {done.stdout}"
        return done.stdout

    def press(self, *keys):
        """As tmux calls them: Enter, Up, Tab, BSpace, q …"""
        self.tmux("send-keys", "-t", "top", *keys)

    def type(self, words):
        self.tmux("send-keys", "-t", "top", "-l", words)

    def resize(self, width, height):
        self.tmux("resize-window", "-t", "top", "-x", width, "-y", height)

    def lines(self, *how):
        return self.tmux("capture-pane", "-p", "-t", "top", *how).splitlines()

    def wait(self, look, what):
        """Until look(lines) is true of the screen: it is asked again whenever something was written on it. Returns that."""
        end = time.monotonic() + PATIENCE_S
        while True:
            lines = self.lines()
            found = look(lines)
            if found:
                return found
            left = end - time.monotonic()
            assert left > 0, f"{what}: not within {PATIENCE_S} s on\n" + "\n".join(lines)
            # tmux shows a moment later what its pipe has passed on already: looked at again soon, too
            if select.select([self.output], [], [], min(left, 0.2))[0]:
                os.read(self.output, 1 << 20)

    def wait_for(self, words):
        """Until a line has these words; returns that line."""
        return self.wait(lambda lines: next((line for line in lines if words in line), None), words)

    def wait_gone(self, words):
        self.wait(lambda lines: not any(words in line for line in lines), f"without {words}")

    def shell(self):
        return int(self.tmux("display-message", "-p", "-t", "top", "#{pane_pid}"))

    def program(self, name="sockwhy"):
        """The pid of what the shell has started."""
        for pid in pathlib.Path(f"/proc/{self.shell()}/task/{self.shell()}/children").read_text().split():
            if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == name:
                return int(pid)
        raise AssertionError(f"no {name} is there")

    def ended(self, status):
        """The program has ended so, the terminal's modes are what they were, the screen is the shell's again."""
        line = self.wait_for("ended: ")
        assert line == f"ended: {status}", "\n".join(self.lines())
        self.wait(lambda _lines: (self.folder / "after").exists() and (self.folder / "after").read_text().endswith("\n"), "stty")
        assert (self.folder / "after").read_text() == (self.folder / "before").read_text()
        assert self.tmux("display-message", "-p", "-t", "top", "#{alternate_on} #{cursor_flag} #{keypad_cursor_flag}").split() == \
            ["0", "1", "0"]

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env=self.env, check=False)
        os.close(self.output)
