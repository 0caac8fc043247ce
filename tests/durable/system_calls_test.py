#!/usr/bin/python3
"""A node that dies at each system call by which it changes its directory: usage system_calls_test.py WORKER
EVMESH.

EVMESH_DURABLE_EVERY says how many of the places are tried: each so many-th, 1 tries all.
"""

import collections
import os
import shutil
import signal

import durable
from durable import CHANGES, DurableCase, calls, need_strace, strace

EVERY = int(os.environ.get("EVMESH_DURABLE_EVERY", "4"))
SHORT = {"count": 12, "threads": 2, "async_every": 3, "fail_every": 4, "refuse_every": 6, "quit": 1}


class SystemCallsTest(DurableCase):
    def setUp(self):
        super().setUp()
        need_strace(self)

    def places(self, log):
        """(system call, number of the call in its thread) for all that name the directory, in their order."""
        counted = collections.Counter()
        found = {}
        for thread, name, text, resumed in calls(log):
            if resumed:
                continue
            counted[thread, name] += 1
            if self.directory in text:
                found.setdefault((name, counted[thread, name]), None)
        return list(found)

    def die_at_each(self, prepare):
        """`prepare` makes the directory as it is before the short run. Says how many places there are."""
        self.begin_anew("whole")
        prepare()
        log = os.path.join(self.place, "trace")
        self.assertEqual(self.start(strace(log, f"trace={CHANGES}"), **SHORT).wait(), 0)
        places = self.places(log)
        died = 0
        for name, number in places[::EVERY]:
            with self.subTest(call=name, number=number):
                self.begin_anew(f"{name}-{number}")
                prepare()
                dying = strace("/dev/null", f"trace={CHANGES}", f"inject={name}:signal=KILL:when={number}")
                died += self.start(dying, **SHORT).wait() == -signal.SIGKILL
                self.drain_and_check()
                shutil.rmtree(self.directory)
        print(f"{len(places)} places, {len(places[::EVERY])} tried, {died} deaths", flush=True)
        self.assertGreater(died, len(places[::EVERY]) // 2)
        return len(places)

    def test_first_life(self):
        """a node that dies at any system call of its first life loses nothing and is opened again"""
        self.assertGreater(self.die_at_each(lambda: None), 60)

    def test_later_life(self):
        """a node that dies at any system call of a later life, with work of a killed one, loses nothing"""
        self.begin_anew("template")
        worker = self.start(**{**SHORT, "quit": 0}, asynchronous=1, hold=1_000_001)
        self.wait_said(worker, "sent")
        self.wait("most has run", lambda: len(self.ledger.unfinished(self.groups)) <= 3, worker)
        worker.kill(self.ledger)
        template, ledger, life = self.directory, self.ledger.path, self.life

        def as_killed():
            shutil.copytree(template, self.directory)
            shutil.copy(ledger, self.ledger.path)
            self.life = life

        self.assertGreater(self.die_at_each(as_killed), 40)


if __name__ == "__main__":
    durable.main()
