# SPDX-License-Identifier: GPL-2.0-or-later
"""TLS alerts in clear: the frames in which sockwhy sees one are those in which tshark does."""

import json
import shutil

import pytest

import agree
import tls_tap

pytestmark = pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed: nothing to compare with")

KINDS = {"version": (["-tls1_3"], ["-tls1_2"]), "protocol": (["-alpn", "h2"], ["-alpn", "imap"]),
         "authority-1.2": (["-tls1_2"], ["-verify_return_error"]), "authority-1.3": (["-tls1_3"], ["-verify_return_error"]),
         "healthy": ([], []), "healthy-1.2": (["-tls1_2"], [])}


def ours(path):
    lines = map(json.loads, agree.run(agree.SOCKWHY, "read", "--json", "-v", path).splitlines())
    return {line["frame"] for line in lines if line["type"] == "event" and line["event"] == "alert"}


def theirs(path):
    """An encrypted alert has no description."""
    return {int(row["frame.number"]) for row in agree.looked_at(path) if row["tls.alert_message.desc"]}


@pytest.mark.parametrize("kind", KINDS)
def test_made(kind, tmp_path):
    """Handshakes of real programs, whole and in segments of 100 bytes."""
    server, client = KINDS[kind]
    tls_tap.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key",
                    "-out", "crt", "-days", "2", "-subj", "/CN=db.internal", folder=tmp_path)
    with tls_tap.Server(tmp_path, "-cert", "crt", "-key", "key", *server) as running:
        tap = tls_tap.Tap(running.address)
        tls_tap.openssl("s_client", "-connect", f"{tap.address[0]}:{tap.address[1]}", *client, folder=tmp_path)
        said = tap.finish()
    for mss in (1400, 100):
        path = tmp_path / f"{mss}.pcap"
        path.write_bytes(tls_tap.Pcap().connection(said, mss).out)
        assert ours(path) == theirs(path)
        assert bool(ours(path)) != kind.startswith("healthy")


def test_shared():
    files, absent = agree.shared()
    if absent:
        pytest.skip(absent)
    found = {path.name: (ours(path), theirs(path)) for path in files}
    assert {name: both for name, both in found.items() if both[0] != both[1]} == {}
