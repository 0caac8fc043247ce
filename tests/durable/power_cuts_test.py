#!/usr/bin/python3
"""Power cuts: a node dies at a sync, and of what it had written and not synced some is lost, some torn: usage
power_cuts_test.py WORKER EVMESH. EVMESH_DURABLE_SEED chooses, EVMESH_DURABLE_CUTS says how many."""

import collections
import os
import random
import re
import shutil
import signal
import time

import durable
from durable import DurableCase, calls, need_strace, strace

SEED = int(os.environ.get("EVMESH_DURABLE_SEED", "20261122"))
CUTS = int(os.environ.get("EVMESH_DURABLE_CUTS", "16"))
SECTOR = 512
# Files in which what is not yet written is zero, or says so by its checksum. Others are left as they are.
LOSABLE = re.compile(r"journal-\d+\.seg$|journal\.anchor$|state\.db-wal$|state\.witness$")


def writes_of(log):
    """{file: [(offset, bytes)]} of a trace, twice: what no later sync that ended well has covered, and what
    one has."""
    writes = collections.defaultdict(list)  # file -> [[offset, bytes, returned]]
    synced = collections.defaultdict(list)
    under_way = {}  # thread -> what it does
    for thread, name, text, resumed in calls(log):
        if not resumed:
            file = re.match(r"\d+<([^>]*)>", text)
            if file is None:
                continue
            if name == "pwrite64":
                where = re.search(r", (\d+), (\d+)(?:\)| <unf)", text)
                if where is None:  # the end of the trace: the process died before this began
                    continue
                write = [int(where[2]), int(where[1]), False]
                writes[file[1]].append(write)
                under_way[thread] = write
            else:
                under_way[thread] = (file[1], [write for write in writes[file[1]] if write[2]])
        what = under_way.get(thread)
        if what is None or "<unfinished" in text:
            continue
        del under_way[thread]
        if isinstance(what, list):
            what[2] = True
        elif re.search(r"= 0( \(DELAYED\))?$", text):
            covered = {id(write) for write in what[1]}
            synced[what[0]] += what[1]
            writes[what[0]] = [write for write in writes[what[0]] if id(write) not in covered]

    def ranges(files):
        return {file: [(offset, length) for offset, length, _ in each] for file, each in files.items() if each}

    return ranges(writes), ranges(synced)


def overlap(begin, end, ranges):
    return any(begin < offset + length and offset < end for offset, length in ranges)


def lose(file, write, synced, before, chances, kinds):
    """Takes away some of the sectors of a write, or all, or none: there is again what the file of this name had
    in `before`, when the life began, and zeros where this life had synced something else since then."""
    offset, length = write
    size = os.path.getsize(file)
    kind = chances.choice(kinds)
    former = b""
    if os.path.exists(os.path.join(before, os.path.basename(file))):
        with open(os.path.join(before, os.path.basename(file)), "rb") as opened:
            former = opened.read()
    sectors = range(offset // SECTOR, (offset + length + SECTOR - 1) // SECTOR)
    first_lost = chances.choice(sectors)
    with open(file, "r+b") as opened:
        for sector in sectors:
            half = chances.random() < 0.5
            lost = {"all": True, "none": False, "some": half, "tail": sector >= first_lost}[kind]
            begin, end = max(sector * SECTOR, offset), min((sector + 1) * SECTOR, offset + length, size)
            if lost and begin < end:
                there = b"" if overlap(begin, end, synced) else former[begin:end]
                opened.seek(begin)
                opened.write(there.ljust(end - begin, b"\0"))


class PowerCutsTest(DurableCase):
    may_forget = True

    def setUp(self):
        super().setUp()
        need_strace(self)

    def cut_power(self, chances):
        """One life that ends at a sync, or while one takes long, and what a disk keeps of it."""
        asynchronous = chances.randint(0, 1)
        if chances.random() < 0.4:
            when = chances.randint(2, 40)
            worker = self.start_traced(f"signal=KILL:when={when}", asynchronous=asynchronous)
            self.wait("an end", worker.ended)
            self.assertEqual(worker.wait(), -signal.SIGKILL, worker.log()[-2000:])
        else:
            # Meanwhile others write, and must not take for synced what is not.
            worker = self.start_traced("delay_enter=20000", asynchronous=asynchronous)
            enough = self.ledger.read().lines + chances.randint(20, 150)
            self.wait("lines in the ledger", lambda: self.ledger.lines >= enough, worker)
            worker.kill(self.ledger)
        return self.lose_power(chances)

    def start_traced(self, fault, only=None, **plan):
        """A life with `fault` at its syncs; `only`: of this file, and no other is traced."""
        tracing = strace(self.trace(), "trace=pwrite64,fdatasync,fsync", f"inject=fdatasync:{fault}")
        if only:
            tracing += ["-P", os.path.join(self.directory, only)]
        # Half of it is owed for a while behind its receipt: what has run in time is not missed when lost.
        plan = {"count": 3_000, "async_every": 4, "fail_every": 2, "refuse_every": 50, **plan}
        shutil.rmtree(self.before(), ignore_errors=True)
        if os.path.exists(self.directory):
            shutil.copytree(self.directory, self.before())
        return self.start(tracing, threads=3, **plan)

    def before(self):
        """The files as they were when the life began."""
        return f"{self.directory}.before"

    def trace(self):
        return f"{self.ledger.path}.trace"

    def lose_power(self, chances, kinds=("all", "all", "none", "some", "tail")):
        """How many writes a disk without power has lost or torn, of those that are in the trace."""
        losable = self.losable()
        synced = writes_of(self.trace())[1]
        for file, write in losable:
            lose(file, write, synced.get(file, []), self.before(), chances, kinds)
        self.start_machine_anew()
        return len(losable)

    def losable(self):
        """(file, (offset, bytes)) of what would be lost with the power now."""
        return [(file, write) for file, writes in writes_of(self.trace())[0].items()
                if LOSABLE.search(file) for write in writes]

    def start_machine_anew(self):
        """The table of what was running says which start of the machine it belongs to."""
        for name in ("flights", "flights.old"):
            path = os.path.join(self.directory, name)
            if os.path.exists(path):
                with open(path, "r+b") as file:
                    file.seek(16)
                    file.write(bytes(48))

    def test_power_cuts(self):
        """what was accepted survives power cuts, and what runs again because of them is marked"""
        print(f"EVMESH_DURABLE_SEED={SEED}", flush=True)
        chances = random.Random(SEED)

        lost = sum(self.cut_power(chances) for _ in range(CUTS))
        self.drain_and_check(reused=True, count=10)

        print(f"{len(self.ledger.receipts)} receipts, {lost} writes lost or torn, "
              f"{self.ledger.duplicates()} ran again", flush=True)
        self.assertGreater(lost, CUTS)
        self.assertGreater(len(self.ledger.receipts), 5 * CUTS)

    def test_power_cut_after_a_failed_sync(self):
        """nothing is confirmed by a sync that failed: what it did not write is lost with the power"""
        print(f"EVMESH_DURABLE_SEED={SEED}", flush=True)
        chances = random.Random(SEED)
        for turn in range(4):
            self.begin_anew(f"failed-{turn}")
            worker = self.start_traced(f"error=EIO:when={60 + turn}", asynchronous=turn % 2)
            self.wait_said(worker, "fatal")
            self.wait_said(worker, "sent")
            worker.kill(self.ledger)
            self.assertGreater(self.lose_power(chances), 0)

            self.drain_and_check(reused=True)

    def begins_long_sync(self, first):
        """Whether a thread is at its `first`-th sync, or behind it: strace counts the calls of each by
        themselves."""
        with open(self.trace(), encoding="utf-8", errors="replace") as trace:
            threads = re.findall(r"^(\d+) +fdatasync\(", trace.read(), re.MULTILINE)
        return max(collections.Counter(threads).values(), default=0) >= first

    def stays_without_receipt(self, looks):
        """Whether all that a dispatch asked for has run, and it had no receipt at any of the last looks,
        which `looks` counts."""
        begun = {number for _, number in self.ledger.runs if number % 4} - self.ledger.receipts.keys()
        waiting = {number for number in begun
                   if all(run.end for group in self.groups for run in self.ledger.runs[group, number])}
        for number in looks.keys() - waiting:
            del looks[number]
        looks.update(waiting)
        return max(looks.values(), default=0) >= 20

    def test_power_cut_while_a_sync_takes_long(self):
        """what is confirmed while a sync takes for ever was on the disk before: without it nothing is lost"""
        print(f"EVMESH_DURABLE_SEED={SEED}", flush=True)
        chances = random.Random(SEED)
        for turn in range(2):
            self.begin_anew(f"long-{turn}")
            long_one = 60 + 7 * turn
            # Only of what is appended: where files are made ahead all may stand still before it has run.
            # Nothing is done at its first attempt, so what is confirmed is owed when the power goes. It runs
            # on other threads: one that dispatches and sees an attempt fail waits for the sync by itself.
            worker = self.start_traced(f"delay_enter=600000000:when={long_one}+", "journal-000000000001.seg",
                                       asynchronous=1, count=100_000, rate=1_000, fail_every=1,
                                       refuse_every=0)
            self.wait_said(worker, "open")
            self.wait("a sync without end", lambda n=long_one: self.begins_long_sync(n), worker)
            # Now they wait for their receipts, or get them without a sync.
            enough, looks = len(self.ledger.read().receipts) + 20, collections.Counter()
            self.wait("receipts, or none", lambda n=enough, looks=looks: self.losable() and (
                len(self.ledger.receipts) > n or self.stays_without_receipt(looks)), worker)
            worker.kill(self.ledger)
            self.assertGreater(self.lose_power(chances, kinds=("all",)), 0)

            self.drain_and_check(reused=True)


if __name__ == "__main__":
    durable.main()
