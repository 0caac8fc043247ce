#!/usr/bin/python3
"""`evmesh journal check` on the directory of a killed node, sound and damaged: usage
journal_check_test.py WORKER EVMESH."""

import hashlib
import json
import os
import shutil

import durable
from durable import DurableCase

HELD = 1_000_007
SEGMENT, ANCHOR = "journal-000000000001.seg", "journal.anchor"


def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 4]))


def end_of(path):
    """Behind the last byte that says something."""
    with open(path, "rb") as file:
        return len(file.read().rstrip(b"\0"))


def state_of(directory):
    """All that is seen of it."""
    state = {}
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        with open(path, "rb") as file:
            seen = os.stat(path)
            state[name] = (seen.st_mtime_ns, seen.st_mode, hashlib.sha256(file.read()).hexdigest())
    return state


class JournalCheckTest(DurableCase):
    def setUp(self):
        """A node that was killed while it owed one event to g0, with dead letters of g1."""
        super().setUp()
        worker = self.start(count=40, asynchronous=1, hold=HELD, fail_every=10, refuse_every=20)
        self.wait("all but what is held is over", lambda: self.over_but_held(worker), worker)
        self.wait("its files say so", self.written_but_held, worker)
        worker.kill(self.ledger)
        self.killed = self.directory

    def over_but_held(self, worker):
        others = [place for place in self.ledger.unfinished(self.groups) if place != ("g0", HELD)]
        if others and len(self.ledger.said(worker.life, "dumped")) == worker.dumps:
            worker.dumps += 1
            worker.tell("dump")
        return not others and len(self.ledger.receipts) == 40

    def written_but_held(self):
        """A listener that has run is not yet a verdict that is written. Looks at a copy: the node runs."""
        seen = os.path.join(self.place, "seen")
        shutil.rmtree(seen, ignore_errors=True)
        try:
            shutil.copytree(self.directory, seen)
        except shutil.Error:  # a file got another name meanwhile
            return False
        ran = self.run_check(seen, "-o", "json")
        return ran.returncode == 0 and json.loads(ran.stdout)["owed"] == 1

    def copy(self, name):
        path = os.path.join(self.place, name)
        shutil.copytree(self.killed, path)
        return path

    def check(self, directory, *words):
        """Code, what it found, and what it said; it changes nothing."""
        before = state_of(directory)
        ran = self.run_check(directory, "-o", "json", *words)
        self.assertEqual(state_of(directory), before, "the check changed something")
        return ran.returncode, json.loads(ran.stdout), ran.stderr

    def exported(self, directory):
        path = f"{directory}.jsonl"
        code, found, _ = self.check(directory, "--export", path)
        with open(path, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        self.assertEqual(found["exported"], len(lines))
        numbers = [int(line["event"]["text"].split()[0]) for line in lines]
        return code, [(line["group"], number, len(line["attempts"])) for line, number in zip(lines, numbers)]

    def opens(self, directory):
        """Whether a node starts on it."""
        self.directory = directory
        worker = self.start()
        said = self.ledger.said
        self.wait("an answer", lambda: said(worker.life, "open") or said(worker.life, "closed"))
        worker.kill(self.ledger)
        return bool(said(worker.life, "open"))

    def test_killed_node(self):
        """the directory of a killed node is sound, and what it owes can be exported"""
        code, found, said = self.check(self.killed)
        exported, lines = self.exported(self.killed)

        self.assertEqual((code, exported, said), (0, 0, ""))
        self.assertEqual((found["damage"], found["owed"], found["dead_letters"]), ([], 1, 2))
        self.assertEqual(sorted(lines), [("g0", HELD, 0), ("g1", 1_000_000, 2), ("g1", 1_000_020, 2)])

    def test_running_node(self):
        """the directory of a running node is not looked at"""
        worker = self.start()
        self.wait_said(worker, "open")
        ran = self.run_check(self.directory)
        worker.kill(self.ledger)

        self.assertEqual(ran.returncode, 73)
        self.assertIn(f"is in use by process {worker.process.pid}; stop that node first", ran.stderr)
        self.assertEqual(ran.stdout, "")

    def test_export_into_the_directory(self):
        """an export goes to a new file elsewhere"""
        inside = self.run_check(self.killed, "--export", os.path.join(self.killed, "x"))
        existing = self.run_check(self.killed, "--export", self.ledger.path)

        self.assertEqual((inside.returncode, existing.returncode), (64, 73), inside.stderr + existing.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.killed, "x")))

    def check_damage(self, name, damage, said):
        """After `damage(directory)` the check and a node agree, and the check names the file."""
        with self.subTest(damage=name):
            directory = self.copy(name)
            damage(directory)

            code, found, stderr = self.check(directory)

            self.assertEqual(code, 65 if found["damage"] else 0)
            self.assertEqual(self.opens(directory), code == 0, found)
            self.assertTrue(any(said in each for each in found["damage"] + found["notes"]), found)
            self.assertNotIn("evmesh journal check", " ".join(found["damage"]))
            if code != 0:
                self.assertIn("export what can be read (--export FILE)", stderr)
            return found

    def test_damage(self):
        """every kind of damage is found, named with its file, and refused by the node; the rest is a note"""
        def at(name, change):
            return lambda directory: change(os.path.join(directory, name))

        other = os.path.join(self.place, "other")
        self.directory, self.ledger = other, durable.Ledger(os.path.join(self.place, "other.ledger"))
        self.start(count=10, quit=1).wait()
        self.directory = self.killed

        def foreign(name):
            return lambda directory: shutil.copy(os.path.join(other, name), os.path.join(directory, name))

        def exchanged(directory):
            first, second = (os.path.join(directory, f"journal-00000000000{number}.seg") for number in (1, 2))
            os.rename(first, f"{first}.x")
            os.rename(second, first)
            os.rename(f"{first}.x", second)

        for name, damage, said in [
            ("commit", at(SEGMENT, lambda path: flip(path, 4200)), f"{SEGMENT}, offset "),
            ("last-commit", at(SEGMENT, lambda path: flip(path, end_of(path) - 20)), f"{SEGMENT}, offset "),
            ("header", at(SEGMENT, lambda path: flip(path, 20)), f"{SEGMENT}, offset 0: "),
            ("cut", at(SEGMENT, lambda path: os.truncate(path, 4096 + 300)), SEGMENT),
            ("empty", at(SEGMENT, lambda path: os.truncate(path, 0)), SEGMENT),
            ("missing", at(SEGMENT, os.remove), f"{SEGMENT}, offset 0: the file is missing"),
            ("exchanged", exchanged, "files were exchanged"),
            ("foreign", foreign(SEGMENT), "belongs to another node's journal"),
            ("anchor", at(ANCHOR, lambda path: (flip(path, 70), flip(path, 4166))), f"{ANCHOR}, offset "),
            ("anchor-slot", at(ANCHOR, lambda path: flip(path, 70)), "the other slot is sound"),
            ("anchor-cut", at(ANCHOR, lambda path: os.truncate(path, 100)), ANCHOR),
            ("anchor-missing", at(ANCHOR, os.remove), ANCHOR),
            ("anchor-foreign", foreign(ANCHOR), "put each file back"),
            ("identity", at("identity", lambda path: flip(path, 30)), "identity is damaged"),
            ("identity-foreign", foreign("identity"), "put each file back"),
            ("identity-missing", at("identity", os.remove), "identity: the file is missing"),
            ("letters", at("state.db-wal", lambda path: flip(path, 5000)), "state.db"),
            ("letters-missing", at("state.db", os.remove), "state.db: the file is missing"),
            ("letters-old", at("state.db-wal", lambda path: os.truncate(path, 0)), "state.db"),
            ("witness", at("state.witness", lambda path: (flip(path, 10), flip(path, 522))),
             "state.witness is damaged"),
            ("unfinished", at("journal-000000000009.seg.new", lambda path: open(path, "w").close()),
             "the next start removes it"),
        ]:
            self.check_damage(name, damage, said)

    def test_rolled_back(self):
        """a segment of an earlier day is found"""
        older = os.path.join(self.place, "older.seg")
        shutil.copy(os.path.join(self.killed, SEGMENT), older)
        worker = self.start(count=20)
        self.wait_said(worker, "sent")
        self.quit(worker)

        def put_back(directory):
            shutil.copy(older, os.path.join(directory, SEGMENT))

        self.check_damage("rolled-back", put_back, "more of it was synced")

    def test_export_past_damage(self):
        """what is readable beside the damage is exported"""
        directory = self.copy("part")
        flip(os.path.join(directory, SEGMENT), 4096 + 60)  # the first record: that a life began
        code, lines = self.exported(directory)

        self.assertEqual(code, 65)
        self.assertEqual(sorted(lines), [("g0", HELD, 0), ("g1", 1_000_000, 2), ("g1", 1_000_020, 2)])


if __name__ == "__main__":
    durable.main()
