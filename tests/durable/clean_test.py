#!/usr/bin/python3
"""A node without faults: usage clean_test.py WORKER EVMESH. EVMESH_DURABLE_EVENTS says how many events."""

import os

import durable
from durable import DurableCase

EVENTS = int(os.environ.get("EVMESH_DURABLE_EVENTS", "100000"))


class CleanTest(DurableCase):
    def check_exactly_once(self, **plan):
        worker = self.start(count=EVENTS, threads=4, async_every=2, persist=1, quiet=1, quit=1, **plan)
        while not worker.ended():
            worker.process.wait(timeout=durable.DEADLINE + EVENTS / 1_000)

        self.assertEqual(worker.wait(), 0, worker.log())
        accepted, runs, maybe, once, more = map(int, self.ledger.read().said(worker.life, "sums")[0][1:])
        self.assertEqual((accepted, runs, maybe, once, more), (EVENTS, 2 * EVENTS, 0, 2 * EVENTS, 0))
        self.assertEqual((self.journal_check()["owed"], self.journal_check()["dead_letters"]), (0, 0))

    def test_exactly_once(self):
        """without faults every event runs exactly once in every group"""
        self.check_exactly_once()

    def test_exactly_once_asynchronous(self):
        """the same when no listener runs before dispatch returns"""
        self.check_exactly_once(asynchronous=1)


if __name__ == "__main__":
    durable.main()
