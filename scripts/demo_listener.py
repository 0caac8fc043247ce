"""What listeners in scripts/demo hear, and when it was due."""

import json
import subprocess
import threading
import time

from demo_mail import facts_of, short
from demo_screen import paint, stamp

WORDS = {"Added": "arrived", "FlagsUpdated": "flagged", "Expunged": "gone", "MessageMoveEvent": "moved",
         "MailboxAdded": "made", "MailboxRenamed": "renamed", "MailboxDeletion": "removed"}


class Listener:
    """`evmesh listen` on one node, from the moment all members know of it until it ends."""

    def __init__(self, demo, node, keys):
        self.node = node
        self.keys = keys
        self.heard = []  # facts in the order in which they came
        self.expected = []  # (fact, when)
        self.demo = demo
        self.gaps = 0  # of the node that all mail comes from
        self.numbers = {}  # the last number of each publisher's life
        self.out_of_order = 0
        self.ready = False
        words = [demo.program("evmesh"), "-s", demo.socket(node), "listen", "-o", "jsonl"]
        for key in self.keys:
            words += ["-k", key]
        self.notes = []
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)
        self.threads = [threading.Thread(target=each, daemon=True) for each in (self.read, self.read_notes)]
        for thread in self.threads:
            thread.start()

    def read(self):
        for text in self.process.stdout:
            line = json.loads(text)
            if "gap" in line:
                self.tell_gap(line["gap"])
            elif "type" in line:
                self.tell(line)

    def tell_gap(self, gap):
        publisher = self.demo.names.get(gap.get("publisher"), "this listener's stream")
        self.demo.gaps += 1
        if publisher not in ("b", "c"):
            self.gaps += 1
        # A life that was killed ends with a gap, as promised, though nothing may be missing.
        if (publisher, gap["reason"]) != ("b", "life_ended"):
            self.demo.unexplained_gaps += 1
        to = gap.get("to") or "the end"
        stamp(paint(33, f"node {self.node}"),
              paint(33, f"gap: {gap.get('from', '?')} to {to} of {publisher} may be missing ({gap['reason']})"))

    def read_notes(self):
        for text in self.process.stderr:
            self.notes.append(text.strip())
            # It says so when the node knows of the listener and the members have acknowledged it.
            self.ready = self.ready or text.startswith("evmesh: listening")

    def check_order(self, line):
        origin = line.get("origin")
        if origin is None:
            return
        life = (origin["publisher"], origin["epoch"])
        if origin["seq"] <= self.numbers.get(life, 0):
            self.out_of_order += 1
        self.numbers[life] = origin["seq"]

    def tell(self, line):
        self.check_order(line)
        facts = facts_of(line)
        self.heard += facts
        if self.demo.silent:
            return
        for kind, place, letter in facts:
            key = line.get("key", "")
            stamp(paint(36, f"node {self.node}"), f"hears {key:<24} {WORDS[kind]:<8} {place:<12} {short(letter)}")

    def wants(self, keys):
        return bool(set(keys) & set(self.keys))

    def missing(self):
        heard = set(self.heard)
        return [(fact, when) for fact, when in self.expected if fact not in heard]

    def disordered(self):
        """What came in another order than its publisher gave it, or than it was done to one letter or folder."""
        done = {}
        for (kind, place, letter), _ in self.expected:
            done.setdefault(letter, []).append((kind, place))
        heard = {}
        for kind, place, letter in self.heard:
            heard.setdefault(letter, []).append((kind, place))
        return self.out_of_order + sum(1 for letter, facts in heard.items() if facts != [
            fact for fact in done.get(letter, []) if fact in facts])

    def twice(self):
        return len(self.heard) - len(set(self.heard))

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        for thread in self.threads:
            thread.join(timeout=10)
        self.process.stdout.close()
        self.process.stderr.close()
