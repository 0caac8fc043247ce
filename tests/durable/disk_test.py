#!/usr/bin/python3
"""A disk that fills up, and one that fails: usage disk_test.py WORKER EVMESH. The first needs root, the
second strace."""

import errno
import os
import subprocess

import durable
from durable import DurableCase, check_ledger, need_strace, strace

LATE = 60  # syncs: more than a thread makes while the node opens


class FullDiskTest(DurableCase):
    """The directory lies on a file system of its own."""

    def make_place(self):
        place = super().make_place()
        self.disk = os.path.join(place, "disk")
        os.mkdir(self.disk)
        if os.geteuid() != 0:
            self.skipTest("mounting a file system needs root")
        mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "none", self.disk]
        mounted = subprocess.run(mount, capture_output=True, text=True)
        if mounted.returncode != 0:
            self.skipTest(f"no file system can be mounted here: {mounted.stderr.strip()}")
        # Clean-ups run in reverse: the worker has ended by then.
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=True)
        return place

    def begin_anew(self, name="disk/node"):
        super().begin_anew(name)
        self.ledger = durable.Ledger(os.path.join(self.place, "ledger"))

    def fill(self):
        """Takes all the space there is, and some of what is given back later."""
        with open(os.path.join(self.disk, "ballast"), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 20))
            except OSError as full:
                if full.errno != errno.ENOSPC:
                    raise

    def test_full_disk(self):
        """a full disk refuses new work, lets go on what was accepted, and accepts again without a restart"""
        held = 1_000_000  # its place in the journal cannot be given up
        worker = self.start(count=20_000, threads=2, payload_bytes=4_000, persist=1, asynchronous=1,
                            hold=held, fail_every=50)
        self.wait_said(worker, "open")
        self.fill()

        self.wait_said(worker, "refused")
        refused = self.ledger.said(worker.life, "refused")
        accepted = len(self.ledger.receipts)
        self.wait("all but what is held has run", lambda: self.over_but(held), worker)
        os.remove(os.path.join(self.disk, "ballast"))
        self.wait("new work is accepted again", lambda: len(self.ledger.receipts) > accepted + 100, worker)
        worker.tell("release")
        self.wait("what was held has run", lambda: self.ledger.handled("g0", held), worker)
        self.assertEqual(durable.terminate(worker), 0)
        self.drain_and_check()

        self.assertEqual({words[2] for words in refused}, {"disk_full"})
        self.assertIn(f"the disk of {self.directory} is full: no new work is accepted", " ".join(refused[0]))
        self.assertGreater(accepted, 500)  # the reserve was used
        self.assertEqual([run for runs in self.ledger.runs.values() for run in runs if run.maybe], [])

    def over_but(self, held):
        return all(place == ("g0", held) for place in self.ledger.unfinished(self.groups))

    def test_no_space_to_begin(self):
        """a node that finds no space for its journal says so, and opens when there is some"""
        os.mkdir(self.directory)
        self.fill()
        worker = self.start()
        code = worker.wait()
        closed = " ".join(self.ledger.read().said(worker.life, "closed")[0])
        os.remove(os.path.join(self.disk, "ballast"))
        self.drain_and_check(count=10)

        self.assertEqual(code, 3)
        self.assertRegex(closed, "(?i)no space|full")


class FailingDiskTest(DurableCase):
    """Syncs that fail with an input/output error."""

    def fail_sync(self, number, **plan):
        """A life in which the `number`th sync of each thread fails."""
        need_strace(self)
        failing = strace("/dev/null", "trace=fdatasync", f"inject=fdatasync:error=EIO:when={number}")
        return self.start(failing, count=2_000, threads=3, async_every=4, **plan)

    def after_fatal(self, worker):
        """What was refused once the node had said that it failed."""
        lines = self.ledger.lives[worker.life]
        fatal = next(at for at, words in enumerate(lines) if words[0] == "fatal")
        return {words[2] for words in lines[fatal + 1:] if words[0] == "refused"}

    def test_failed_sync(self):
        """after a failed sync nothing more is confirmed, what waited is unknown, and a new process goes on"""
        unknown = {}
        for mesh in (0, 1):
            with self.subTest(mesh=mesh):
                self.begin_anew(f"mesh-{mesh}")
                self.check_failed_sync(mesh)
                unknown |= self.ledger.unknown
        self.assertEqual(set(unknown.values()), {"unknown_outcome"})

    def check_failed_sync(self, mesh):
        worker = self.fail_sync(LATE, mesh=mesh)
        self.wait_said(worker, "fatal")
        self.wait_said(worker, "sent")
        receipts = len(self.ledger.receipts)
        self.quit(worker)

        self.assertEqual(len(self.ledger.receipts), receipts)
        fatal = " ".join(self.ledger.said(worker.life, "fatal")[0])
        self.assertIn("Input/output error", fatal)
        self.assertNotIn(".new:", fatal, "a file that is not there is named")
        for words in self.ledger.said(worker.life, "unknown"):
            self.assertRegex(" ".join(words), r"unknown_outcome dispatch [0-9a-f-]{36}/[0-9]+/[0-9]+: ")
        self.assertEqual(self.after_fatal(worker), {"node_failed"})
        self.assertEqual(len(self.ledger.said(worker.life, "fatal")), 1)
        self.drain_and_check(reused=True)

    def test_failed_sync_reopened(self):
        """after a failed sync the directory can be opened again in the same process"""
        for mesh in (0, 1):
            with self.subTest(mesh=mesh):
                self.begin_anew(f"mesh-{mesh}")
                worker = self.fail_sync(LATE, reopen=1, mesh=mesh)
                self.wait_said(worker, "reopened")
                self.wait_drained(worker)
                self.quit(worker)

                check_ledger(self.ledger, self.groups, reused=True)
                self.drain_and_check(reused=True)

    def test_failed_sync_anywhere(self):
        """a sync that fails while a node opens keeps it closed, and harms nothing"""
        for number in range(1, 5):
            with self.subTest(number=number):
                self.begin_anew(f"node-{number}")
                worker = self.fail_sync(number)
                self.wait("an end", lambda w=worker: w.ended() or self.ledger.said(w.life, "fatal"))
                worker.tell("quit")
                worker.wait()
                self.drain_and_check(reused=True, count=10)


if __name__ == "__main__":
    durable.main()
