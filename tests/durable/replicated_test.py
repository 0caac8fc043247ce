#!/usr/bin/python3
"""Nodes at level replicated that are killed, some with their disks: usage replicated_test.py WORKER EVMESH."""

import collections
import os
import shutil

import durable

COUNT = 600
LETTERS = 300


class Replicated(durable.DurableCase):
    """One ledger for all nodes: what becomes of an event may be told by any of them."""

    def node(self, name, **plan):
        self.directory = os.path.join(self.place, name)
        worker = self.start(mesh=1, level="replicated", asynchronous=1, all_groups=1, concurrency=2, work_us=20_000, threads=8,
                            **{"seed": self.seed, "count": 0, **plan})
        self.wait_said(worker, "open")
        self.seed = self.seed or self.ledger.said(worker.life, "open")[0][2]
        return worker

    def setUp(self):
        super().setUp()
        self.seed = ""

    def kill(self, worker, name, wipe):
        worker.kill(self.ledger)
        if wipe:
            shutil.rmtree(os.path.join(self.place, name))

    def receipts(self, first):
        """Of the thousand thousand events from there on."""
        return {number for number in self.ledger.receipts if first <= number < first + 1_000_000}

    def wait_receipts(self, worker, count, copied=False):
        first = worker.life * 1_000_000

        def there():
            found = self.receipts(first)
            return len(found - self.ledger.degraded if copied else found) >= count
        self.wait(f"{count} receipts", there, worker)

    def wait_over(self, worker, but=frozenset()):
        self.wait("all accepted work is over",
                  lambda: not [place for place in self.ledger.missing(self.groups) if place[1] not in but], worker)

    def check_marked(self):
        for place, runs in self.ledger.runs.items():
            again = [run for run in runs[1:] if run.attempt == runs[0].attempt and not run.maybe]
            self.assertEqual(again, [], f"{place} ran again without being marked: {runs}")

    def quit_all(self, *workers):
        for worker in workers:
            self.quit(worker)

    def owed_by(self, name):
        self.directory = os.path.join(self.place, name)
        return self.owed()

    def test_lost_for_good(self):
        """what a node that is lost with its disk had accepted runs on those that are left, and none of it unmarked twice"""
        one, two = self.node("one"), self.node("two")
        front = self.node("front", runs="none", count=COUNT)
        self.wait_receipts(front, COUNT)
        left = len(self.ledger.missing(self.groups))

        self.kill(front, "front", wipe=True)
        # What was accepted before there was a guardian was only there.
        self.wait_over(one, but=frozenset(self.ledger.degraded))

        self.assertGreater(left, 100, "nothing was owed any more when the node was killed")
        self.assertLess(len(self.ledger.degraded), COUNT / 2)
        self.check_marked()
        self.quit_all(one, two)
        for name in ("one", "two"):
            self.assertEqual(self.owed_by(name), [])

    def test_returns(self):
        """a node that is back after others took over what it owed runs nothing of it, and goes on with new work"""
        one, two = self.node("one"), self.node("two")
        front = self.node("front", runs="none", count=COUNT)
        self.wait_receipts(front, COUNT)
        self.kill(front, "front", wipe=False)
        self.wait_over(one)
        before = {place: len(runs) for place, runs in self.ledger.runs.items()}

        front = self.node("front", runs="none", count=50)
        self.wait_receipts(front, 50)
        self.wait_over(front)
        self.quit_all(front)

        self.assertEqual(self.owed_by("front"), [])
        again = {place for place, count in before.items() if len(self.ledger.runs[place]) != count}
        self.assertEqual(again, set())
        self.check_marked()
        self.quit_all(one, two)

    def test_two_of_which_one_is_dead(self):
        """with one of two nodes dead for good, the other accepts, says that copies lack, and does all the work"""
        one = self.node("one", count=20_000, rate=200)
        two = self.node("two")
        self.wait_receipts(one, 100, copied=True)
        self.kill(two, "two", wipe=True)
        degraded = len(self.ledger.degraded)
        self.wait("receipts without copies", lambda: len(self.ledger.degraded) > degraded + 100, one)
        one.tell("halt")
        self.wait_said(one, "sent")
        self.wait_over(one)

        self.check_marked()
        self.quit_all(one)
        self.assertEqual(self.owed_by("one"), [])

    def test_wiped_and_back(self):
        """a node that comes back without its disk is a new member, which keeps copies again"""
        one = self.node("one", count=20_000, rate=200)
        two = self.node("two")
        self.wait_receipts(one, 100, copied=True)
        self.kill(two, "two", wipe=True)
        degraded = len(self.ledger.degraded)
        self.wait("receipts without copies", lambda: len(self.ledger.degraded) > degraded, one)

        two = self.node("two")
        whole = len(self.ledger.receipts) - len(self.ledger.degraded)
        self.wait_receipts(one, whole + 100, copied=True)
        one.tell("halt")
        self.wait_said(one, "sent")
        self.wait_over(one)

        self.check_marked()
        self.quit_all(two, one)

    def wait_letters(self, worker, count):
        """Until the mesh has so many, in the eyes of this node."""
        asked = len(self.ledger.said(worker.life, "letters"))

        def there():
            nonlocal asked
            said = self.ledger.said(worker.life, "letters")
            if len(said) < asked:
                return False
            if asked > before and said[-1][1] == str(count):
                return True
            asked += 1
            worker.tell("letters")
            return False
        before = asked
        self.wait(f"{count} dead letters in the mesh", there, worker)

    def runs_of_g1(self):
        return [len(runs) for (group, _), runs in self.ledger.runs.items() if group == "g1"]

    def check_runs(self, count):
        self.assertEqual(collections.Counter(self.runs_of_g1()), {count: LETTERS})

    def test_letters_of_a_lost_disk(self):
        """dead letters of a node that is lost with its disk are listed all the same, and redelivered once"""
        one, two = self.node("one", refuse_every=1), self.node("two", refuse_every=1)
        front = self.node("front", runs="none", count=LETTERS, rate=200)
        endpoint = self.ledger.said(front.life, "open")[0][2]
        self.wait_receipts(front, LETTERS)
        self.wait_letters(front, LETTERS)
        self.assertNotIn(max(self.ledger.receipts), self.ledger.degraded)

        self.kill(front, "front", wipe=True)
        front = self.node("front", runs="none", listen=endpoint)

        self.wait_letters(one, LETTERS)
        self.wait_letters(two, LETTERS)
        self.check_runs(1)
        two.tell("redeliver")
        self.wait_said(two, "redelivered")
        self.assertEqual(self.ledger.said(two.life, "redelivered")[0][1:], [str(LETTERS), "0"])
        self.wait("each has run once more", lambda: min(self.runs_of_g1()) > 1, one)
        self.wait_letters(one, LETTERS)
        self.check_runs(2)
        self.quit_all(front, one, two)


if __name__ == "__main__":
    durable.main()
