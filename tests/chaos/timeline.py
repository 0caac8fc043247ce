"""What happens to the nodes and when: made from a seed, without a clock or a process."""

import collections
import random

KILLS_A_SECOND = 80 / 240
CUTS_A_SECOND = 12 / 240
LEASE = 3.0  # seconds of silence after which a member is dead
CALM = 3.0  # seconds before the end in which nothing begins

# From `begin` to `end` (seconds) `nodes` are in it. Kinds: kill (kill -9, started again at the end), stop (SIGTERM, the
# same), pause (SIGSTOP until SIGCONT), wipe (kill -9, rm -rf), cut. `drops` of a cut: (at, source) pairs. `alone`: nothing
# else happens from a moment before until the end.
Fault = collections.namedtuple("Fault", "begin end kind nodes drops alone", defaults=((), False))


class Timeline:
    def __init__(self, seed, seconds, names, cuts=True, wipes=False):
        self.random = random.Random(seed)
        self.seconds, self.names = seconds, list(names)
        self.kills_wanted = int(KILLS_A_SECOND * seconds)
        self.cuts_wanted = int(CUTS_A_SECOND * seconds) if cuts else 0
        self.reserved = []  # (begin, end) in which only one thing happens
        special = self.special(wipes)
        haste = 1.0
        while True:
            self.faults = special + self.node_faults(haste) + (self.cut_faults(haste) if cuts else [])
            if self.kills() >= self.kills_wanted and self.cuts() >= self.cuts_wanted:
                break
            haste *= 0.9
        self.faults.sort()

    def kills(self):
        return sum(len(fault.nodes) for fault in self.faults if fault.kind in ("kill", "wipe"))

    def cuts(self):
        return sum(fault.kind == "cut" for fault in self.faults)

    def special(self, wipes):
        """In turns, each with a time of its own: one node killed for so long that others take over; all killed at
        once; one that loses its disk."""
        faults = []
        turns = ["alone", "all", "alone", "wipe"] if wipes else ["alone", "all"]
        at, turn = 12.0, 0
        while at + 12 < self.seconds - CALM:
            kind = turns[turn % len(turns)]
            begin = at + 2.5
            if kind == "all":
                faults.append(Fault(begin, begin + self.random.uniform(0, 1), "kill", tuple(self.names)))
            else:
                node = (self.random.choice(self.names),)
                end = begin + self.random.uniform(5.5, 6.5)
                faults.append(Fault(begin, end, "wipe" if kind == "wipe" else "kill", node, (), True))
            # A lost disk is missed until its copies are made up elsewhere.
            end = faults[-1].end + (4 if kind == "wipe" else 1)
            self.reserved.append((at, end))
            at, turn = end + self.random.uniform(8, 12), turn + 1
        return faults

    def free_from(self, begin, length):
        """The first instant from `begin` on at which `length` seconds are nobody's."""
        for reserved_begin, reserved_end in self.reserved:
            if begin < reserved_end and begin + length > reserved_begin:
                begin = reserved_end
        return begin

    def node_faults(self, haste):
        faults = []
        for name in self.names:
            at = self.random.uniform(0.5, 2.5)
            while True:
                kind, length = self.random.choices(
                    [("kill", self.random.uniform(0, 0.8)), ("kill", self.random.uniform(3.5, 6)),
                     ("pause", self.random.uniform(LEASE + 0.5, LEASE + 3)), ("stop", self.random.uniform(0, 2))],
                    [5, 2, 1, 1])[0]
                at = self.free_from(at, length)
                if at + length > self.seconds - CALM:
                    break
                faults.append(Fault(at, at + length, kind, (name,)))
                at += length + self.random.uniform(1.5, 6) * haste
        return faults

    def cut_faults(self, haste):
        faults, at = [], self.random.uniform(2, 4)
        while True:
            length = self.random.choice([self.random.uniform(0.5, LEASE), self.random.uniform(LEASE + 1, LEASE + 4)])
            at = self.free_from(at, length)
            if at + length > self.seconds - CALM:
                return faults
            nodes, drops = self.cut()
            faults.append(Fault(at, at + length, "cut", nodes, drops))
            at += length + self.random.uniform(2, 8) * haste

    def cut(self):
        """One node from all, one half from the other, two from each other, or one that no longer hears another."""
        names = self.random.sample(self.names, len(self.names))
        sides = {"one": 1, "half": len(names) // 2}
        kind = self.random.choice(["one", "half", "pair", "one way"])
        if kind in sides:
            left, right = names[:sides[kind]], names[sides[kind]:]
        else:
            left, right = names[:1], names[1:2]
        drops = [(a, b) for a in left for b in right]
        if kind != "one way":
            drops += [(b, a) for a, b in drops]
        return tuple(sorted(left + right if kind == "pair" else left)), tuple(drops)
