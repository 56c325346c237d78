# SPDX-License-Identifier: GPL-2.0-or-later
"""Hooks that fired without our programs: seen by the kernel's own tracing, which does not use BPF.

Some kernels run no tracing program while a thread of pid 1 is current (6.18 of the machine this was measured on: timers
and packets that interrupt it are traced by ftrace, and a program at the same tracepoint is not called, nor counted as
missed). Nothing in the agent can see that. What it misses so is no fault of the agent's: the test is run again.
"""

import os
import pathlib
import subprocess
import tempfile

HOOKS = ("sock/inet_sock_set_state", "sock/inet_sk_error_report", "tcp/tcp_retransmit_skb", "tcp/tcp_retransmit_synack",
         "tcp/tcp_send_reset", "tcp/tcp_receive_reset", "skb/kfree_skb", "icmp/icmp_send", "neigh/neigh_timer_handler",
         "neigh/neigh_update")


class Witness:
    def __init__(self, name):
        # a mount that is gone with this process: only the descriptor holds it
        with tempfile.TemporaryDirectory(prefix="swl-tracefs-") as point:
            subprocess.run(["mount", "-t", "tracefs", "tracefs", point], check=True)
            self.fd = os.open(point, os.O_PATH | os.O_DIRECTORY)
            subprocess.run(["umount", "-l", point], check=True)
        self.instance = pathlib.Path(f"/proc/self/fd/{self.fd}/instances/{name}")
        self.instance.mkdir()
        comms = {path.read_text().strip() for path in pathlib.Path("/proc/1/task").glob("*/comm")}
        names = " || ".join(f'comm == "{comm}"' for comm in sorted(comms) if '"' not in comm)
        for hook in HOOKS:
            event = self.instance / "events" / hook
            if event.exists():
                (event / "filter").write_text(names)
                (event / "enable").write_text("1")

    def clear(self):
        (self.instance / "trace").write_text("")

    def seen(self):
        """The hooks that fired on top of pid 1 since clear(), as ftrace prints them."""
        return [line for line in (self.instance / "trace").read_text().splitlines() if not line.startswith("#")]

    def close(self):
        self.instance.rmdir()
        os.close(self.fd)
