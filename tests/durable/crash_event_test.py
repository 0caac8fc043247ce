#!/usr/bin/python3
"""An event that ends the process it runs in: usage crash_event_test.py WORKER EVMESH."""

import signal

import durable
from durable import DurableCase


NUMBER = 1_000_050  # the event that ends the process


class CrashEventTest(DurableCase):
    def live(self, **plan):
        """One life, until all is over: the process that has lived on, or nothing when it ended by itself."""
        worker = self.start(abort_at=NUMBER, **plan)

        def over():
            return worker.ended() or (self.drained(worker) and ("g0", NUMBER) in self.ledger.dead)

        self.wait("an end, or all is over", over)
        if not worker.ended():
            return worker
        self.assertEqual(worker.wait(), -signal.SIGABRT, worker.log())
        return None

    def test_two_deaths(self):
        """an event that ends the process is a dead letter after two deaths; its neighbours have all run"""
        first, second = self.live(count=100, threads=8), self.live()
        third = self.live()

        self.assertEqual((first, second), (None, None))
        self.assertIsNotNone(third)
        self.quit(third)
        self.assertEqual(list(self.ledger.dead), [("g0", NUMBER)])
        self.assertRegex(self.ledger.dead["g0", NUMBER], "^crash: ")
        runs = self.ledger.runs["g0", NUMBER]
        self.assertEqual([(run.life, run.attempt) for run in runs], [(1, 1), (2, 2)])
        durable.check_ledger(self.ledger, self.groups)


if __name__ == "__main__":
    durable.main()
