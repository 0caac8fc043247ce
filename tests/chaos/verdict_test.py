#!/usr/bin/python3
"""What the ledgers of a chaos run say, read from ledgers written for it."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import cases  # noqa: E402
from verdict import Kill, Ledgers, Verdict, percentile, too_little  # noqa: E402

GROUPS = ("g0", "g1")


class VerdictTest(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = place.name
        self.ledgers = Ledgers()

    def write(self, node, *lines):
        """Lines of a node, each `LIFE WHAT WORDS... MICROSECONDS`."""
        path = os.path.join(self.place, node)
        if node not in self.ledgers.files:
            self.ledgers.add(node, path)
        with open(path, "a", encoding="utf-8") as ledger:
            ledger.write("".join(f"{line}\n" for line in lines))

    def verdict(self, owed=(), faults=(), kills=(), owned_move=True):
        return Verdict(self.ledgers.read(), GROUPS, set(owed), list(faults), list(kills), owned_move)

    def write_good(self, node, number, begin=1_000):
        self.write(node, f"1 receipt {number} id {begin}")
        for group in GROUPS:
            self.write(node, f"1 run {group} {number} 1 first {begin + 1}", f"1 ok {group} {number} 1 first {begin + 2}")

    def test_good(self):
        """what ran once in each group, or is a dead letter, is neither lost nor a duplicate"""
        self.write_good("a", 1)
        self.write("a", "1 receipt 2 id 5", "1 run g0 2 1 first 6", "1 ok g0 2 1 first 7",
                   "1 run g1 2 1 first 6", "1 refuse g1 2 1 first 7", "1 dead g1 2 letter told to refuse 90")

        figures = self.verdict().figures()

        self.assertEqual(figures, {"receipts": 2, "executed": 3, "dead": 1, "lost": 0, "stuck": 0, "duplicates": 0,
                                   "unexplained": 0, "kills": 0, "takeover_p99_ms": None})

    def test_lost_and_stuck(self):
        """what has a receipt and is not over is stuck when a node still owes it, and lost otherwise"""
        self.write("a", "1 receipt 1 id 5", "1 run g0 1 1 first 6")

        verdict = self.verdict(owed=[("g1", 1)])

        self.assertEqual((verdict.lost, verdict.stuck), ([("g0", 1)], [("g1", 1)]))

    def test_half_line(self):
        """a line that is still being written is read when it is whole"""
        self.write("a", "1 receipt 1 id 5")
        with open(os.path.join(self.place, "a"), "a", encoding="utf-8") as ledger:
            ledger.write("1 receipt 2 i")
        self.assertEqual(list(self.ledgers.read().receipts), [1])

        with open(os.path.join(self.place, "a"), "a", encoding="utf-8") as ledger:
            ledger.write("d 7\n")

        self.assertEqual(list(self.ledgers.read().receipts), [1, 2])

    def test_refused_and_ran(self):
        """what was refused for good must not run"""
        self.write("a", "1 refused 1 disk_full 5", "1 run g0 1 1 first 6", "1 ok g0 1 1 first 7",
                   "1 unknown 2 unknown_outcome 5", "1 run g0 2 1 first 6", "1 ok g0 2 1 first 7")

        found = self.verdict().unexplained

        self.assertEqual(len(found), 1)
        self.assertIn("('g0', 1) was refused and ran", found[0])

    def test_unmarked_duplicate(self):
        """a second run on another node that was not said to be a duplicate is unexplained, whatever happened"""
        self.write_good("a", 1)
        self.write("b", "1 run g0 1 1 first 1500", "1 ok g0 1 1 first 1501")

        verdict = self.verdict(faults=[(0, 2_000)])

        self.assertEqual((verdict.duplicates, len(verdict.unexplained)), (1, 1))
        self.assertIn("ran without a cause as attempt 1 on b", verdict.unexplained[0])

    def test_marked_duplicate(self):
        """a second run that was marked is explained by a fault before it, and by nothing else"""
        self.write_good("a", 1)
        self.write("b", "1 run g0 1 2 maybe 1500", "1 ok g0 1 2 maybe 1501")

        self.assertEqual(self.verdict(faults=[(900, 1_200)]).unexplained, [])
        self.assertEqual(len(self.verdict(faults=[(1_600, 1_700)]).unexplained), 1)
        self.assertEqual(len(self.verdict().unexplained), 1)

    def test_retry(self):
        """a failed attempt explains one retry and not two"""
        self.write("a", "1 receipt 1 id 5", "1 run g0 1 1 first 6", "1 fail g0 1 1 first 7", "1 run g0 1 2 first 10",
                   "1 ok g0 1 2 first 11")
        self.assertEqual(self.verdict().unexplained, [])

        self.write("b", "1 run g0 1 2 first 12", "1 ok g0 1 2 first 13")

        self.assertEqual(len(self.verdict().unexplained), 1)

    def test_missing_attempt(self):
        """a later attempt without an earlier one must be marked"""
        self.write("a", "1 receipt 1 id 5", "1 run g0 1 2 first 6", "1 ok g0 1 2 first 7")

        self.assertEqual(len(self.verdict().unexplained), 1)

    def test_attempt_of_a_dead_node(self):
        """an attempt that nobody ran is explained when a node can have died with it, each by a fault of its own"""
        self.write("a", "1 receipt 1 id 5", "1 run g0 1 1 first 6", "1 fail g0 1 1 first 10", "1 run g0 1 3 first 100",
                   "1 ok g0 1 3 first 110", "1 receipt 2 id 5", "1 run g0 2 2 first 100", "1 ok g0 2 2 first 110")

        self.assertEqual(self.verdict(faults=[(50, 60)]).unexplained, [])
        self.assertEqual(len(self.verdict(faults=[(101, 102)]).unexplained), 2)

        self.write("a", "1 receipt 3 id 5", "1 run g0 3 1 first 6", "1 fail g0 3 1 first 10", "1 run g0 3 4 first 100")

        self.assertEqual(len(self.verdict(faults=[(50, 60)]).unexplained), 1)
        self.assertEqual(self.verdict(faults=[(50, 60), (70, 80)]).unexplained, [])

    def test_attempt_of_a_dead_node_that_ran(self):
        """an attempt that began on the node that died was perhaps executed: the next one must be marked"""
        self.write("a", "1 receipt 1 id 5", "1 run g0 1 1 first 6", "1 fail g0 1 1 first 10", "2 run g0 1 3 first 100")
        self.write("b", "1 run g0 1 2 maybe 20")

        self.assertEqual(len(self.verdict(faults=[(15, 60)]).unexplained), 1)

    def test_attempt_of_a_dead_node_once(self):
        """a failed attempt explains one later attempt, also when one between is missing"""
        self.write("a", "1 receipt 1 id 5", "1 run g0 1 1 first 6", "1 fail g0 1 1 first 10", "1 run g0 1 3 first 100",
                   "1 run g0 1 3 first 120")

        self.assertEqual(len(self.verdict(faults=[(50, 60)]).unexplained), 1)

    def test_two_receipts(self):
        """one event has one receipt"""
        self.write("a", "1 receipt 1 id 5", "1 receipt 1 id 6")

        self.assertEqual(self.verdict().unexplained, ["two receipts for 1"])

    def test_takeover(self):
        """takeover is from the kill to the first execution elsewhere of what the dead node owned or ran"""
        # a owned 1 and ran 2 of b; 3 was over; the degraded 4 is on no other node.
        self.write("a", "1 receipt 1 id 100", "1 receipt 3 id 100", "1 receipt 4 id degraded 100",
                   *(f"1 {what} {group} 3 1 first 101" for what in ("run", "ok") for group in GROUPS),
                   "1 run g0 2 1 first 150", "2 run g0 4 1 first 8000")
        self.write("b", "1 receipt 2 id 100", "1 run g0 1 2 maybe 1200", "1 ok g0 1 2 maybe 1300",
                   "1 run g1 1 1 first 1400", "1 run g0 2 2 maybe 1700", "1 run g1 2 1 first 160")
        kill = Kill("a", 1, 200, 9_000, True)

        self.assertEqual(sorted(self.verdict(kills=[kill]).takeovers), [1_000, 1_200, 1_500])
        self.assertEqual(self.verdict(kills=[kill], owned_move=False).takeovers, [1_500])
        self.assertEqual(self.verdict(kills=[Kill("a", 1, 200, 9_000, False)]).takeovers, [])

    def test_no_takeover(self):
        """work that nobody took over counts with the time until its node was back"""
        self.write("a", "1 receipt 1 id 100", "2 run g0 1 1 first 9500", "2 ok g0 1 1 first 9600",
                   "2 run g1 1 1 first 9500", "2 ok g1 1 1 first 9600")

        self.assertEqual(self.verdict(kills=[Kill("a", 1, 200, 9_000, True)]).takeovers, [8_800, 8_800])

    def test_running_elsewhere(self):
        """what another node ran when its owner was killed, and did, needed nobody to take it over"""
        self.write("a", "1 receipt 1 id 100")
        self.write("b", "1 run g0 1 1 first 190", "1 ok g0 1 1 first 300", "1 run g1 1 1 first 190",
                   "1 fail g1 1 1 first 300", "1 run g1 1 2 first 1200", "1 ok g1 1 2 first 1300")

        self.assertEqual(self.verdict(kills=[Kill("a", 1, 200, 9_000, True)]).takeovers, [1_000])

    def test_too_little(self):
        """a run that did less to the nodes than it is meant for proves nothing, and says what was missing"""
        figures = {"kills": 80, "receipts": 100_000, "takeover_p99_ms": 900.0}
        done, wanted = {"cut": 12, "pause": 1, "wipe": 1}, {"kill": 80, "cut": 12}
        missing = {"kills": 79, "receipts": 99_999, "takeover_p99_ms": None}
        nothing = {"cut": 11, "pause": 0, "wipe": 0}

        self.assertEqual(too_little(figures, done, wanted, 240, True), [])
        self.assertEqual([text.split(": ")[1] for text in too_little(missing, nothing, wanted, 240, True)], [
            "79 kill -9, at least 80 are needed", "11 partitions, at least 12 are needed",
            "99999 receipts, at least 100000 are needed", "0 pauses beyond the lease, at least 1 are needed",
            "0 disks thrown away, at least 1 are needed", "0 takeovers measured, at least 1 are needed"])
        self.assertEqual(len(too_little(missing, nothing, wanted, 240, False)), 4)
        self.assertEqual(len(too_little(missing, nothing, wanted, 239, True)), 2)

    def test_percentile(self):
        """a percentile is one of the values, and of nothing there is none"""
        self.assertEqual(percentile(range(100), 0.99), 99)
        self.assertEqual(percentile([5, 3], 0.5), 5)
        self.assertIsNone(percentile([], 0.99))


if __name__ == "__main__":
    cases.main()
