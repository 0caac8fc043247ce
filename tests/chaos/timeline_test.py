#!/usr/bin/python3
"""When what happens in a chaos run."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import cases  # noqa: E402
from timeline import CALM, Timeline  # noqa: E402

MANY = [Timeline(seed, seconds, names, wipes=wipes) for seed in range(40)
        for seconds, names in ((240, "abc"), (240, "abcd"), (60, "abcde"), (12, "abc")) for wipes in (False, True)]


class TimelineTest(unittest.TestCase):
    def test_enough(self):
        """four minutes have at least 80 kills and 12 partitions, shorter times their share"""
        for each in MANY:
            self.assertGreaterEqual(each.kills(), 80 * each.seconds // 240)
            self.assertGreaterEqual(each.cuts(), 12 * each.seconds // 240)

    def test_same_again(self):
        """the same seed makes the same faults, another seed others"""
        self.assertEqual(Timeline(7, 60, "abcd").faults, Timeline(7, 60, "abcd").faults)
        self.assertNotEqual(Timeline(7, 60, "abcd").faults, Timeline(8, 60, "abcd").faults)

    def test_one_at_a_time(self):
        """to one node only one thing happens at a time, but for being cut off; and all is over before the end"""
        for each in MANY:
            for name in each.names:
                own = [fault for fault in each.faults if fault.kind != "cut" and name in fault.nodes]
                for before, after in zip(own, own[1:]):
                    self.assertLessEqual(before.end, after.begin)
            self.assertTrue(all(0 <= fault.begin <= fault.end <= each.seconds - CALM for fault in each.faults))

    def test_alone(self):
        """a kill whose takeover is measured, and a lost disk, stand alone; there are some of each"""
        for each in MANY:
            alone = [fault for fault in each.faults if fault.alone]
            for fault in alone:
                others = [other for other in each.faults if other is not fault
                          and other.begin < fault.end + 0.5 and other.end > fault.begin - 2]
                self.assertEqual(others, [])
            if each.seconds == 240:
                self.assertGreater(sum(fault.kind == "kill" for fault in alone), 3)
        wiped = [each for each in MANY if each.seconds == 240
                 and any(fault.kind == "wipe" for fault in each.faults)]
        self.assertEqual(len(wiped), 80)

    def test_all_at_once(self):
        """all nodes are killed together now and then"""
        for each in MANY:
            if each.seconds == 240:
                self.assertTrue(any(fault.nodes == tuple(each.names) for fault in each.faults))

    def test_kinds(self):
        """every kind of partition and of fault comes up"""
        cuts = {(len(fault.nodes), len(fault.drops)) for each in MANY if len(each.names) == 4
                for fault in each.faults if fault.kind == "cut"}
        self.assertEqual(cuts, {(1, 6), (2, 8), (2, 2), (1, 1)})
        kinds = {fault.kind for each in MANY for fault in each.faults}
        self.assertEqual(kinds, {"kill", "stop", "pause", "wipe", "cut"})

    def test_without_networks(self):
        """without networks there are no partitions, and disks are thrown away only where that may be"""
        each = Timeline(3, 240, "abc", cuts=False)

        self.assertEqual({fault.kind for fault in each.faults}, {"kill", "stop", "pause"})


if __name__ == "__main__":
    cases.main()
