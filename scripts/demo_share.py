"""A group in scripts/demo whose work three nodes share, and what becomes of it when one of them is killed."""

import collections
import json
import os

from demo_mail import facts_of
from demo_screen import paint, say, stamp, wait

# The same on every node: whichever has a place free takes the next letter.
CONFIG = """[listener.sort]
type = exec
group = sort
events = Added
command = {program}
concurrency = 4
"""
# A line when it begins and one when it ends; each is one write.
PROGRAM = """#!/bin/sh
read -r event
run="$EVMESH_EVENT_NODE $EVMESH_EVENT_ATTEMPT $EVMESH_EVENT_POSSIBLY_DUPLICATE $$"
printf "%s\\n" "begun $run $(date +%s.%N) $event" >> {ledger}
sleep 0.05
printf "%s\\n" "done $run $(date +%s.%N) $event" >> {ledger}
"""
LETTERS = 100

Run = collections.namedtuple("Run", "word node attempt marked time event facts")


def read_run(line):
    word, node, attempt, marked, _, when, event = line.split(" ", 6)
    read = json.loads(event)
    return Run(word, node, int(attempt), marked == "1", float(when), read["id"], facts_of(read))


class Share:
    """The ledger of what was owed to the group and of what ran where."""

    def __init__(self, directory, mail):
        self.directory = os.path.join(directory, "share")
        self.mail = mail
        self.owed = []  # facts
        os.mkdir(self.directory)
        with open(self.path("sort"), "w", encoding="utf-8") as file:
            file.write(PROGRAM.format(ledger=self.path("ledger")))
        os.chmod(self.path("sort"), 0o755)
        with open(self.path("sort.conf"), "w", encoding="utf-8") as file:
            file.write(CONFIG.format(program=self.path("sort")))

    def path(self, name):
        return os.path.join(self.directory, name)

    def note(self, facts):
        self.owed += [fact for fact in facts if fact[0] == "Added"]

    def runs(self):
        """In the order in which they were written."""
        if not os.path.exists(self.path("ledger")):
            return []
        with open(self.path("ledger"), encoding="utf-8") as file:
            return [read_run(line) for line in file if line.endswith("\n")]

    def ended(self):
        return [run for run in self.runs() if run.word == "done"]

    def missing(self):
        done = {fact for run in self.ended() for fact in run.facts}
        return [fact for fact in self.owed if fact not in done]

    def settle(self):
        wait("the group has done everything", lambda: not self.missing())

    def script(self, demo):
        """Work for three nodes, one of which is killed when a third of it is done."""
        say()
        before = len(self.ended())
        demo.evmesh("a", "group", "pause", "sort", "--reason", "letters gather for the demo")
        with demo.quiet():
            self.gather(demo)
        owed = demo.group_of("a")["owed"]
        stamp(paint(32, "mail"), f"{LETTERS} letters are delivered to alice, in {owed} events; "
                                 "a group that a, b and c share is paused and owed them")
        demo.evmesh("c", "group", "resume", "sort")
        stamp(paint(36, "group"), "goes on: whichever node has a place free runs the next")
        wait("a third is done", lambda: len(self.ended()) - before > owed // 3)
        killed = demo.kill("b")
        self.settle()
        demo.settle()
        self.tell(killed)
        demo.revive("b")

    def gather(self, demo):
        """One by one: letters that are seen together are one event."""
        for _ in range(LETTERS):
            _, facts = self.mail.deliver("alice")
            demo.done("", facts)

    def tell(self, killed):
        moved = self.moved(killed)
        where = " and ".join(sorted({run.node for run in moved}))
        told = f"b killed; its {len(moved)} events run on {where} after {moved[0].time - killed:.1f} s" if moved else (
            "b killed; it had nothing to do")
        stamp(paint(36, "group"), paint(33, told))
        counts = collections.Counter(run.node for run in self.ended())
        stamp(paint(36, "group"), ", ".join(f"{node} has run {counts[node]}" for node in sorted(counts)) +
              f"; lost {len(self.missing())}")

    def moved(self, killed):
        """The first runs elsewhere of what b had been given when it was killed."""
        first = {}
        for run in self.runs():
            if run.word == "begun" and run.marked and run.node != "b" and run.time > killed:
                first.setdefault(run.event, run)
        return list(first.values())

    def unmarked(self):
        """Second runs that did not say that they might be: there must be none."""
        seen = set()
        twice = []
        for run in self.runs():
            if run.word != "begun":
                continue
            if run.event in seen and not run.marked:
                twice.append(run)
            seen.add(run.event)
        return len(twice)

    def nodes(self):
        return {run.node for run in self.ended()}
