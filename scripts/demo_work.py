"""Work in scripts/demo: a program that must see every letter, and what becomes of those it fails on."""

import json
import os
import subprocess

from demo_mail import facts_of, short
from demo_screen import DemoFailed, paint, say, stamp, wait

# What an administrator would write: the program is in the configuration, not in the mail server.
CONFIG = """[listener.index]
type = exec
group = index
events = Added
command = {program}
concurrency = 4
retry.retries = 2
retry.first = 50ms
"""
BROKEN = "#!/bin/sh\necho 'the database of the index is locked' >&2\nexit 75\n"
REPAIRED = "#!/bin/sh\nexec cat >> {index}\n"


class Work:
    """A node of its own, with a program that indexes letters, and the ledger of what it was owed."""

    def __init__(self, directory, program, mail, tell):
        self.directory = os.path.join(directory, "work")
        self.program = program  # by name
        self.mail = mail
        self.tell = tell  # what was done and its facts, for those who hear of mail elsewhere
        self.letters = []  # delivered while the node was to be told of them
        self.dead = 0  # the most dead letters there were at once
        self.node = None
        self.maildir = None
        os.mkdir(self.directory)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write_program(self, text):
        """A running program keeps the old file."""
        with open(self.path("index.new"), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path("index.new"), 0o755)
        os.rename(self.path("index.new"), self.path("index"))

    def start(self):
        self.write_program(BROKEN)
        with open(self.path("work.conf"), "w", encoding="utf-8") as file:
            file.write(CONFIG.format(program=self.path("index")))
        self.start_node()
        log = open(self.path("maildir.log"), "ab")
        self.maildir = subprocess.Popen(
            [self.program("evmesh-maildir"), "--root", os.path.join(self.mail.root, "%u/Maildir"),
             "--socket", self.path("node/admin.sock"), "--state-dir", self.path("state")],
            stdout=log, stderr=log)
        # What is in the folders when they are first looked at is told once; what comes later is news.
        wait("the folders are told", lambda: self.told() >= 3)

    def watch_no_more(self):
        self.maildir.terminate()
        self.maildir.wait()

    def told(self):
        node = json.loads(self.evmesh("status", "-o", "json"))["node"]
        return node["counters"].get("evmesh_events_dispatched_total", 0)

    def start_node(self):
        ready = self.path("ready")
        if os.path.exists(ready):
            os.unlink(ready)
        log = open(self.path("node.log"), "ab")
        self.node = subprocess.Popen(
            [self.program("evmeshd"), "--node.name", "work", "--node.data-dir", self.path("node"),
             "-c", self.path("work.conf"), "--ready-file", ready],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait("node work is ready", lambda: os.path.exists(ready) or self.node.poll() is not None)
        if self.node.poll() is not None:
            with open(self.path("node.log"), encoding="utf-8") as file:
                raise DemoFailed(f"node work ended: {file.read().splitlines()[-1:]}")

    def kill(self):
        self.node.kill()
        self.node.wait()
        stamp(paint(31, "node work"), paint(31, "is killed (kill -9)"))

    def evmesh(self, *words):
        done = subprocess.run([self.program("evmesh"), "-s", self.path("node/admin.sock"), *words],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise DemoFailed(f"evmesh {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def dead_letters(self):
        """The letters, of mail, in the dead letters; an event may have several."""
        exported = self.evmesh("dead-letter", "export", "-g", "index").splitlines()
        letters = {letter for line in exported for _, _, letter in facts_of(json.loads(line)["event"])}
        self.dead = max(self.dead, len(letters))
        return letters

    def deliver(self, count):
        for _ in range(count):
            letter, facts = self.mail.deliver("bob")
            self.letters.append(letter)
            self.tell(f"{short(letter)} is delivered to bob", facts, patient=False)

    def indexed(self):
        """The letters that the program has seen, as often as it has."""
        if not os.path.exists(self.path("index.jsonl")):
            return []
        with open(self.path("index.jsonl"), encoding="utf-8") as file:
            return [letter for line in file for _, _, letter in facts_of(json.loads(line))]

    def missing(self):
        return len(set(self.letters) - set(self.indexed()))

    def script(self):
        """Letters that fail, a crash, a repair, and everything done in the end."""
        say()
        self.start()
        stamp(paint(36, "node work"), "runs the program index for every letter; its database is locked")
        for _ in range(3):
            self.deliver(1)
            wait("the letter is dead", lambda: self.dead_letters() >= set(self.letters))
        for line in self.evmesh("dead-letter", "ls", "-g", "index").splitlines():
            say(f"            {line[:100]}")
        self.kill()
        self.deliver(1)
        self.start_node()
        stamp(paint(32, "node work"), f"runs again, with {len(self.dead_letters())} dead letters")
        self.repair()
        self.evmesh("dead-letter", "redeliver", "-g", "index", "--wait")
        self.settle()
        stamp(paint(36, "node work"), f"has indexed all {len(self.letters)} letters; no dead letter is left")

    def repair(self):
        self.write_program(REPAIRED.format(index=self.path("index.jsonl")))
        stamp(paint(32, "repair"), "the program is repaired: evmesh dead-letter redeliver -g index")

    def storm(self):
        """A hundred failures, and a crash in the middle of putting them back."""
        self.write_program(BROKEN)
        before = set(self.letters)
        self.deliver(100)
        wait("a hundred letters are dead", lambda: self.dead_letters() >= set(self.letters) - before)
        self.repair()
        self.evmesh("dead-letter", "redeliver", "-g", "index")
        self.kill()
        self.start_node()
        self.settle()

    def settle(self):
        wait("everything is indexed", lambda: self.missing() == 0 and not self.dead_letters())

    def verdict(self):
        """(letters owed, letters never indexed, dead letters left, letters indexed more than once)"""
        indexed = self.indexed()
        return len(self.letters), self.missing(), len(self.dead_letters()), len(indexed) - len(set(indexed))

    def end(self):
        for process in (self.maildir, self.node):
            if process is not None:
                process.terminate()
                process.wait()
