#!/usr/bin/env python3
"""Nodes at full speed: usage load_test.py PEER-PROGRAM."""

import unittest

import mesh
from mesh import MeshCase

STALL_MS = 3000
DEATHS = "evmesh_membership_deaths_total"
OWN_PAUSES = "evmesh_membership_own_pauses_total"
RESIDENT_KIB_MAX = 400 * 1024  # a ring of 64 MiB, queues, and the program; far below what an unbounded queue would take


class LoadTest(MeshCase):
    def test_engine_stalled(self):
        """the engine thread of a loaded receiver, then of the publisher, stalls for 3 s: both live and nothing is lost"""
        a, b, c = self.mesh("abc")
        for peer in (b, c):
            self.listen(peer)
        self.load(a, "from-a", size=1000, rate=20_000)
        self.wait_sent(a, "from-a", 5000)

        for stalled in (b, a):
            before, deaths = stalled.counter(OWN_PAUSES), stalled.counter(DEATHS)
            self.assertGreaterEqual(stalled.ask("stall_engine", ms=STALL_MS)["threads"], 1)
            self.wait(f"{stalled.name} notices", lambda s=stalled, n=before: s.counter(OWN_PAUSES) > n)
            self.wait_in_touch([a, b, c])
            self.assertEqual(deaths, stalled.counter(DEATHS), "took others for dead because it was deaf itself")
            self.wait_sent(a, "from-a", a.ask("load", label="from-a")["sent"] + 5000)
        self.stop_load(a, "from-a")

        sent = self.sent("from-a")
        for peer in (b, c):
            self.wait_heard_up_to(peer, a, max(sent))
            self.check_never_silent(sent, *self.heard_from(peer, a.id, a.epoch))
            self.assertTrue(peer.alive())

    def test_seven_peers(self):
        """a publisher without a brake sends to seven peers: no gap, and memory stays bounded"""
        publisher, *others = self.mesh("abcdefgh")
        for peer in others:
            peer.ask("register", listener="l", keys=["K:1"])

        count = 100_000
        self.load(publisher, "free", size=1000, count=count)
        # Eight processes on two cores: only standing still counts as failing.
        for sent in range(5_000, count + 1, 5_000):
            self.wait_sent(publisher, "free", sent)

        for peer in others:
            self.wait(f"{peer.name} has all", lambda p=peer: p.heard()["events"] + p.heard()["gaps"] >= count)
            self.assertEqual({"ok": True, "events": count, "gaps": 0}, peer.heard())
        for peer in (publisher, *others):
            status = peer.status()
            self.assertLess(status["rss_kib"], RESIDENT_KIB_MAX)
            self.assertEqual(0, status["counters"].get("evmesh_gaps_total", 0))


if __name__ == "__main__":
    mesh.main()
