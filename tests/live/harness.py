# SPDX-License-Identifier: GPL-2.0-or-later
"""The agent under test: started in a namespace, its JSON lines read and validated as they come."""

import itertools
import json
import os
import re
import signal
import subprocess
import threading
import time

from lab import FAULT, PATIENCE_S, _worker
from program import SOCKWHY, Schema
from written import missing

START_LINE = re.compile(r"^sockwhy: (\d+) interfaces?, (\d+) sockets?\b.*; Ctrl-C ends$")
MARKER = "swlmarker"
LOUD = ("error", "warning")

_markers = itertools.count()


class Agent:
    """`build/sockwhy --json ARGS` in namespace `ns` (the lab's host), until stop().

    Every line it prints must be valid. What concerns other namespaces and other processes than the lab's (tests may
    run side by side on one kernel) is left out of findings().
    """

    def __init__(self, lab, *args, ns=None, command=None, wrap=(), stdout=subprocess.PIPE, env=None, start_line=True, write=None):
        self.lab = lab
        self.ns = ns or lab.host
        self.lines, self.stderr = [], []
        self.written = write  # a file of -w: every finding that is told must stand in it
        self.judged = None  # the finding assert_only() was content with
        self.changed = threading.Condition()
        self.schema, self.parsed = Schema(), []
        argv = self.ns.command(*wrap, SOCKWHY, *(command or ["--json", *args, *("-w", write) * bool(write)]))
        self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, text=True,
                                      env={**os.environ, **(env or {})})
        self.pid = self.popen.pid
        lab.processes.append(self)
        self.readers = [threading.Thread(target=self._read_stderr, daemon=True)]
        if stdout == subprocess.PIPE:
            self.readers.append(threading.Thread(target=self._read_stdout, daemon=True))
        for thread in self.readers:
            thread.start()
        if start_line:
            self.start_line = self.wait_stderr(START_LINE.match, "start line")

    def _read_stdout(self):
        for line in self.popen.stdout:
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()

    def _read_stderr(self):
        for line in self.popen.stderr:
            with self.changed:
                self.stderr.append(line.rstrip("\n"))
                self.changed.notify_all()

    def _wait(self, what, look, timeout):
        end = time.monotonic() + timeout
        with self.changed:
            while True:
                found = look()
                if found:
                    return found
                left = end - time.monotonic()
                gone = self.popen.poll() is not None and not any(t.is_alive() for t in self.readers)
                if left <= 0 or gone:
                    break
                self.changed.wait(min(left, 0.2))
        raise AssertionError(self.told(f"no {what} within {timeout} s"))

    def told(self, why):
        """A failure message: what this agent said about the lab, and in its summary if it can still end in order."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGINT)
            self.popen.wait(PATIENCE_S)
            self.close_readers()
        ends = [line for line in self.lines if not line.startswith('{"type":"finding"')]
        return (f"{why}; pids {sorted(self.lab.pids)}, exit {self.popen.poll()}, {len(self.lines)} lines\nstderr: "
                + "\n".join(self.stderr[-6:]) + "\n" + "".join(ends[-4:]) + describe(self.findings()))

    def wait_stderr(self, match, what, timeout=PATIENCE_S):
        return self._wait(what, lambda: next((line for line in self.stderr if match(line)), None), timeout)

    def objects(self):
        """Every line so far, parsed; each must satisfy the schema."""
        for line in self.lines[len(self.parsed):]:
            obj = json.loads(line)
            self.schema.validate(obj)
            self.parsed.append(obj)
        return list(self.parsed)

    def _concerns(self, obj):
        pid = obj.get("process", {}).get("pid")
        netns = obj.get("connection", {}).get("netns")
        if pid in self.lab.markers:
            return False
        if pid is None and netns is None:
            return True
        return pid in self.lab.pids or netns in {ns.inode for ns in self.lab.namespaces}

    def findings(self, **want):
        """Findings of this lab so far, those with all these keys; pid= and remote= look deeper."""
        found = [o for o in self.objects() if o["type"] == "finding" and self._concerns(o)]
        pid, remote = want.pop("pid", None), want.pop("remote", None)
        return [f for f in found if all(f.get(k) == v for k, v in want.items())
                and (pid is None or f.get("process", {}).get("pid") == pid)
                and (remote is None or f["connection"].get("remote") == {"address": remote[0], "port": remote[1]})]

    def wait_for(self, timeout=PATIENCE_S, **want):
        """The first finding that matches, as soon as it is printed."""
        return self._wait(f"finding {want}", lambda: next(iter(self.findings(**want)), None), timeout)

    def beats(self, count):
        """The heartbeats so far, when there are so many."""
        def told():
            return [o for o in self.objects() if o["type"] == "heartbeat"]
        self._wait(f"{count} heartbeats", lambda: len(told()) >= count, PATIENCE_S)
        return told()

    def _marker(self, *args):
        """A process of ours fails on purpose; returns when its verdict is out."""
        done = subprocess.run(self.ns.command(FAULT, "-c", MARKER, *args), check=True, stdout=subprocess.PIPE, text=True)
        pid = json.loads(done.stdout)["pid"]
        self.lab.markers.add(pid)
        self._wait(f"marker's verdict (pid {pid})", lambda: any(
            o["type"] == "finding" and o["state"] == "final" and o.get("process", {}).get("pid") == pid
            for o in self.objects()), PATIENCE_S)

    def quiesce(self, slow=True):
        """Returns when what ended before this call has been judged, because later attempts' verdicts are out.

        A failed connect is judged after the settle time; a bind a second later, for the process may take another port;
        a connect that worked has proven itself after a second, and then settles.
        """
        n = next(_markers)
        if slow:
            self._marker("-T", "bind", f"127.{100 + _worker}.{n // 250 + 1}.{n % 250 + 1}", 1000 + n % 60000)
        self._marker("connect", f"127.{100 + _worker}.{n // 250 + 1}.{n % 250 + 1}", 9)

    def silent(self, allow=()):
        """Nothing louder than info was said about this lab, pending or final, but for the ids allowed."""
        self.quiesce()
        self.only_allowed(allow)

    def only_allowed(self, allow=()):
        loud = [f for f in self.findings() if f["severity"] in LOUD and f["finding"] not in allow]
        assert not loud, describe(loud)

    def loud_finals(self):
        return [f for f in self.findings(state="final") if f["severity"] in LOUD]

    def assert_only(self, finding, pid=None, errno=None, remote=None, local_port=None, confidence=None, comm="fault",
                    severity="error", family=None, ended=None):
        """Exactly one final finding, this one, and whatever was pending before it belongs to the same attempt.

        That no other follows is looked at once more when the agent has ended (see finish()).
        """
        self._wait("final finding", self.loud_finals, 8)
        self.quiesce(slow=False)
        finals = self.loud_finals()
        assert len(finals) == 1, f"wanted one {finding}: {describe(finals)}"
        found = finals[0]
        assert found["finding"] == finding, describe(finals)
        attempts = {f["attempt"] for f in self.findings() if f["severity"] in LOUD}
        assert attempts == {found["attempt"]}, describe(self.findings())
        if pid is not None:
            assert found["process"]["pid"] == pid, describe(finals)
            assert comm is None or found["process"]["comm"] == comm, describe(finals)
        if errno is not None:
            allowed = errno if isinstance(errno, tuple) else (errno,)
            assert found.get("errno") in allowed, describe(finals)
        if remote is not None:
            there = found["connection"]["remote"]
            assert (there["address"], there["port"]) == tuple(remote), describe(finals)
        if local_port is not None:
            assert found["connection"]["local"]["port"] == local_port, describe(finals)
        if confidence is not None:
            assert found["confidence"] == confidence, describe(finals)
        if ended is not None:
            assert found.get("ended") == ended, describe(finals)
        assert found["severity"] == severity, describe(finals)
        for key in ("summary", "cause"):
            assert found.get(key), f"{finding} has no {key}"
        assert found["check"], f"{finding} has nothing to check"
        assert found["evidence"], f"{finding} has no evidence"
        self.judged = found["finding"]
        return found

    def finish(self):
        """At the end of a test: the agent ends in order, and still nothing else is said than what was expected."""
        if self.popen.poll() is None:
            self.stop()
        if self.written:
            absent = missing(self.written, self.loud_finals())
            assert not absent, f"not in {self.written}: {describe(absent)}"
        if self.judged:
            finals = self.loud_finals()
            assert {f["finding"] for f in finals} == {self.judged} and sum(f["count"] for f in finals) == 1, describe(finals)

    def stop(self, sig=signal.SIGINT, status=0):
        """Ends it; everything it still says is read. Returns the summary line."""
        if self.popen.poll() is None:
            self.popen.send_signal(sig)
        code = self.popen.wait(PATIENCE_S)
        self.close_readers()
        assert code == status, f"exit {code}, wanted {status}: " + "\n".join(self.stderr)
        return next((o for o in self.objects() if o["type"] == "summary"), None) if self.lines else None

    def close_readers(self):
        """Returns when everything it wrote was read; it must have ended."""
        for thread in self.readers:
            thread.join(PATIENCE_S)

    def close(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait(PATIENCE_S)
        self.close_readers()
        for pipe in (self.popen.stdout, self.popen.stderr):
            if pipe:
                pipe.close()


def describe(findings):
    """Findings in a form that fits a failure message."""
    rows = []
    for f in findings:
        c = f.get("connection", {})
        rows.append(f"{f['severity']} {f['finding']} {f['state']} {f['confidence']} pid {f.get('process', {}).get('pid')} "
                    f"{c.get('local')} -> {c.get('remote')} {f.get('errno')} ended {f.get('ended')}: {f.get('summary')} "
                    f"| {f.get('cause')} | blind {f.get('blind')}\n    "
                    + "\n    ".join(f"{e['offset_us']:+d} {e['layer']} {e['text']}" for e in f.get("evidence", [])))
    return "\n" + "\n".join(rows) if rows else "nothing"
