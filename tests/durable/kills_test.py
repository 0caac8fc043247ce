#!/usr/bin/python3
"""A node that is killed and started again, over and over: usage kills_test.py WORKER EVMESH.

EVMESH_DURABLE_SEED chooses the instants, EVMESH_DURABLE_LIVES how many lives.
"""

import os
import random
import time

import durable
from durable import DurableCase, check_ledger, terminate

SEED = int(os.environ.get("EVMESH_DURABLE_SEED", "20261122"))
LIVES = int(os.environ.get("EVMESH_DURABLE_LIVES", "24"))
LOAD = {"count": 900_000, "async_every": 3, "fail_every": 10, "refuse_every": 50}


class KillsTest(DurableCase):
    def live_and_die(self, instants):
        """One life of full load, killed while it opens or when it has written a random number of lines."""
        before = self.ledger.read().lines
        asynchronous = instants.randint(0, 1)
        # Where nobody waits for it, one listener is kept in its call until the end: some run is cut short.
        held = (self.life + 1) * 1_000_000 + 20 if asynchronous else 0
        worker = self.start(**LOAD, threads=instants.randint(1, 4), asynchronous=asynchronous,
                            mesh=instants.randint(0, 1), hold=held)
        if instants.random() < 0.25:
            time.sleep(instants.random() * 0.05)  # the instant is what is tested
        else:
            enough = before + instants.randint(2, 2_000)
            self.wait("lines in the ledger", lambda: self.ledger.lines >= enough and
                      (not held or ("g0", held) in self.ledger.runs), worker)
        worker.kill(self.ledger)

    def test_random_instants(self):
        """nothing is lost and nothing runs twice without being marked, however often a node is killed"""
        print(f"EVMESH_DURABLE_SEED={SEED}", flush=True)
        instants = random.Random(SEED)

        for _ in range(LIVES):
            self.live_and_die(instants)
        self.drain_and_check(count=100)

        cut = sum(run.end is None for runs in self.ledger.runs.values() for run in runs)
        print(f"{len(self.ledger.receipts)} receipts, {cut} runs cut short, {self.ledger.duplicates()} ran "
              f"again, {len(self.ledger.dead)} dead letters", flush=True)
        self.assertGreater(len(self.ledger.receipts), 100 * LIVES)
        self.assertGreater(cut, 0)

    def start_cluster(self, names, **plan):
        """One life of each of `names`, in touch with each other and with one ledger."""
        workers, seed = [], ""
        for name in names:
            self.directory = os.path.join(self.place, name)
            worker = self.start(mesh=1, seed=seed, **plan)
            self.wait_said(worker, "open")
            seed = seed or self.ledger.said(worker.life, "open")[0][2]
            workers.append(worker)
        return workers

    def all_run(self, workers):
        """Nobody else's log tells how one of several died."""
        for worker in workers:
            self.assertFalse(worker.ended(), f"life {worker.life} has ended\n{self.told(worker)}")
        return True

    def test_whole_cluster(self):
        """a cluster of which all nodes are killed at once, again and again, loses nothing"""
        names = ("one", "two", "three")
        for _ in range(3):
            # A fifth of what they have to say: the first may have said all of its own when the last is open.
            enough = self.ledger.read().lines + 9_000
            workers = self.start_cluster(names, **{**LOAD, "count": 3_000}, asynchronous=1)
            self.wait("lines in the ledger", lambda: self.ledger.lines >= enough, workers[-1])  # noqa: B023
            for worker in workers:
                worker.process.kill()
            for worker in workers:
                worker.wait()
        workers = self.start_cluster(names, count=0)
        # Each knows the dead letters of what it accepted, and all of them run what any of them owes.
        self.wait("all accepted work is over", lambda: self.all_run(workers) and
                  any([self.drained(worker) for worker in workers]), workers[0])
        for worker in workers:
            self.quit(worker)

        self.assertEqual(self.ledger.missing(self.groups), [])
        self.assertGreater(len(self.ledger.receipts), 300)
        for place, runs in self.ledger.runs.items():
            again = [run for run in runs[1:] if run.attempt == runs[0].attempt and not run.maybe]
            self.assertEqual(again, [], f"{place} ran again without being marked: {runs}")

    def test_polite_restarts(self):
        """a node that is stopped and started again runs nothing twice and doubts nothing"""
        for life in range(5):
            worker = self.start(**LOAD, asynchronous=life % 2, mesh=life // 2 % 2)
            enough = self.ledger.read().lines + 1_000
            self.wait("lines in the ledger", lambda: self.ledger.lines >= enough, worker)
            self.assertEqual(terminate(worker), 0)
            self.assertEqual(len(self.ledger.read().said(worker.life, "stopped")), 1)
        self.drain_and_check()

        self.assertEqual([run for runs in self.ledger.runs.values() for run in runs if run.maybe], [])
        self.assertEqual(self.ledger.duplicates(), 0)
        check_ledger(self.ledger, self.groups)


if __name__ == "__main__":
    durable.main()
