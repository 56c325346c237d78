# SPDX-License-Identifier: GPL-2.0-or-later
"""faults.py [--short] [--keep] [--captures DIR] [GLOB…] - play scenarios, judge what is said of them, write docs/accuracy.md.

Without GLOB all of them; with it the page keeps the rows of the others. --short: those of make test, the page stays as it
is. --keep: the page stays as it is. --captures: what read was given is kept there, each with the addresses of its
scenarios beside it. Exit 1 if something was right on the page and is wrong now, or did not happen.
"""

import argparse
import concurrent.futures
import fnmatch
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / folder) for folder in ("helpers", "live")]

# pylint: disable=wrong-import-position
import form
import page
from harness import Agent
from lab import PATIENCE_S
from net import Far, Wired
from play import DidNotHappen, Play, Said, findings_of
from program import SOCKWHY

TRIES = 2  # a fault that did not happen is tried again


class Watch(Agent):
    """The agent, and when each of its lines came."""

    def __init__(self, lab, *args):
        self.came = []
        super().__init__(lab, *args)

    def _read_stdout(self):
        for line in self.popen.stdout:
            with self.changed:
                self.came.append(time.time())
                self.lines.append(line)
                self.changed.notify_all()

    def said(self, play):
        """What it said of a play; only after the end of what was played."""
        found = [(self.came[i], obj) for i, obj in enumerate(self.objects()) if obj["type"] == "finding" and play.concerns(obj)]
        first = round(1000 * (found[0][0] - play.began)) if found else None
        return Said([obj for _, obj in found], first, play.variant.right("watch"))


class Beside:
    """What passes the client's interface while a watch goes on, as anybody captures it, for read to judge."""

    def __init__(self, net, args):
        self.args, self.path = args, net.dir / f"beside{next(net.captures)}.pcap"
        argv = net.client.command("tcpdump", "-i", net.client.device, "-n", "-B", "65536", "-s", "2048", "-w", self.path)
        self.popen = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        net.lab.processes.append(self)
        line = self.popen.stderr.readline()
        assert "listening on" in line, line

    def close(self):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGINT)
        self.popen.wait(PATIENCE_S)

    def stop(self):
        self.close()
        told = self.popen.stderr.read()
        assert "\n0 packets dropped by kernel" in told, told

    def findings(self, play):
        """What read says of a play; only when all that was played is over. It gets that play's packets and all ICMP: as it knows
        no processes, one host that asks several servers for one name at a time would be one wish."""
        part = play.dir / "beside.pcap"
        hosts = " or ".join(f"host {address}" for address in play.addresses)
        subprocess.run(["tcpdump", "-r", self.path, "-w", part, f"icmp or icmp6 or {hosts}"], check=True, capture_output=True)
        done = subprocess.run([SOCKWHY, "read", "--json", *self.args, part], check=True, capture_output=True, text=True)
        return [f for f in findings_of(done.stdout) if play.concerns(f)]


class Outcome:
    """A variant in a mode: what was said, or why nothing could be judged."""

    def __init__(self, variant, mode):
        self.variant, self.mode, self.said, self.missed, self.play = variant, mode, None, None, None

    @property
    def verdict(self):
        return "did not happen" if self.missed else self.said.verdict(self.variant, self.mode)


class Round:
    """All that is played in one network: make makes it for so many plays."""

    def __init__(self, variants, tell=lambda outcome: None, captures=None, make=Wired):
        self.captures = captures
        self.outcomes = [Outcome(v, mode) for v in variants for mode in v.modes]
        self.offline = {v: Outcome(v, "read") for v in variants if "read" in v.judges}
        self.net = make(len(self.outcomes) * TRIES)
        self.numbers = iter(range(len(self.outcomes) * TRIES))
        self.tell, self.began = tell, time.monotonic()

    def play(self, outcome):
        """Plays it once, or again when the fault did not happen."""
        for _ in range(TRIES):
            outcome.play = Play(self.net, outcome.variant, outcome.mode, next(self.numbers))
            try:
                outcome.play.play()
                outcome.missed = None
                break
            except DidNotHappen as fault:
                outcome.missed = str(fault)
                print(f"again: {outcome.mode} {outcome.variant.name}: {outcome.missed[:300]}", flush=True)
        if outcome.mode == "run" and not outcome.missed:
            outcome.said = Said(outcome.play.run_findings(), None, outcome.variant.right("run"))
        return outcome

    def watched(self, outcomes, *args):
        """Plays them beside one agent."""
        watch, beside = Watch(self.net.lab, *args), Beside(self.net, args)
        with concurrent.futures.ThreadPoolExecutor(self.net.at_a_time) as pool:
            list(pool.map(self.play, [o for o in outcomes if not o.variant.alone]))
        for outcome in outcomes:
            if outcome.variant.alone:
                self.play(outcome)
        watch.quiesce()
        watch.stop()
        beside.stop()
        if self.captures:
            shutil.copy(beside.path, self.captures)
            words = {o.variant.name: o.play.addresses for o in outcomes}
            pathlib.Path(self.captures, beside.path.name).with_suffix(".json").write_text(json.dumps(words, indent=1))
        for outcome in outcomes:
            offline = self.offline[outcome.variant]
            offline.play, offline.missed = outcome.play, outcome.missed
            if not outcome.missed:
                outcome.said = watch.said(outcome.play)
                offline.said = Said(beside.findings(outcome.play), None, outcome.variant.right("read"))

    def run(self):
        together = [o for o in self.outcomes if o.mode == "watch" and not o.variant.get("args")]
        if together:
            self.watched(together)
        for outcome in self.outcomes:
            if outcome.mode == "watch" and outcome.variant.get("args"):
                self.watched([outcome], *outcome.variant.get("args"))
        print(f"the watch is over after {time.monotonic() - self.began:.0f} s", flush=True)
        with concurrent.futures.ThreadPoolExecutor(self.net.at_a_time) as pool:
            list(pool.map(self.play, [o for o in self.outcomes if o.mode == "run" and not o.variant.alone]))
        for outcome in self.outcomes:
            if outcome.mode == "run" and outcome.variant.alone:
                self.play(outcome)
        for outcome in self.outcomes:
            if outcome.said:
                outcome.said.operations = outcome.play.operations
        judged = [*self.outcomes, *self.offline.values()]
        for outcome in judged:
            self.tell(outcome)
        return judged

    def close(self):
        self.net.close()


def tell(outcome):
    said = outcome.missed or ", ".join(outcome.said.finals) or "nothing"
    want = " or ".join(outcome.variant.right(outcome.mode)) or "nothing"
    print(f"{outcome.verdict:6} {outcome.mode:5} {outcome.variant.name}: expected {want}, said {said}", flush=True)


def play(variants, captures, make):
    rounds = Round(variants, tell, captures, make)
    try:
        return rounds.run()
    finally:
        rounds.close()


def missing(variant):
    """Programs that it needs and that are not here."""
    needs = [*variant.get("needs", ()), *(("qemu-system-x86_64",) if variant.get("machine") else ())]
    return [name for name in needs if not shutil.which(name)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("globs", nargs="*", metavar="GLOB")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--captures", metavar="DIR")
    args = parser.parse_args()
    variants = form.load()
    chosen = [v for v in variants if (not args.short or v.get("short"))
              and (not args.globs or any(fnmatch.fnmatch(v.name, g) or fnmatch.fnmatch(v.scenario, g) for g in args.globs))]
    for variant in chosen:
        if missing(variant):
            print(f"not played: {variant.name}: no {', '.join(missing(variant))} here", flush=True)
    chosen = [v for v in chosen if not missing(v)]
    began = time.monotonic()
    outcomes = []
    for make in (Wired, Far):
        if part := [v for v in chosen if bool(v.get("machine")) == (make is Far)]:
            outcomes += play(part, args.captures, make)
    before = page.Page.read()
    fallen = [o for o in outcomes if o.verdict != "right" and before.verdict(o.variant.name, o.mode) == "right"]
    absent = [o for o in outcomes if o.missed]
    if not args.keep and not args.short:
        before.update(outcomes, {v.name for v in variants})
        before.write(os.uname().release)
    count = sum(o.verdict == "right" for o in outcomes)
    print(f"{len(outcomes)} played in {time.monotonic() - began:.0f} s: {count} right, "
          f"{len(outcomes) - count - len(absent)} wrong, {len(absent)} did not happen")
    for outcome in fallen:
        print(f"was right: {outcome.mode} {outcome.variant.name}")
    return 1 if fallen or absent else 0


if __name__ == "__main__":
    sys.exit(main())
