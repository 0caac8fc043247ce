#!/usr/bin/env python3
"""Bounds of keys, events and listeners across a real mesh: usage bounds_test.py PEER-PROGRAM."""

import unittest

import mesh
from mesh import MeshCase, Refused

EVENT_BYTES = 64 * 1024


class BoundsTest(MeshCase):
    def refused(self, code, peer, verb, **order):
        with self.assertRaises(Refused) as refused:
            peer.ask(verb, **order)
        self.assertEqual(code, refused.exception.code)
        return str(refused.exception)

    def dispatch_heard(self, publisher, hearer, **order):
        before = hearer.heard()["events"]
        publisher.ask("dispatch", **order)
        self.wait("it is heard", lambda: hearer.heard()["events"] == before + 1)

    def test_key_length(self):
        """a key of 255 bytes crosses the mesh, one of 256 is refused on both ends"""
        for mode in ("broadcast", "scale-efficient"):
            with self.subTest(mode):
                a, b = self.mesh([f"a-{mode}", f"b-{mode}"], mode=mode)
                longest = "K:" + "x" * 253
                self.listen(b, [longest])

                self.dispatch_heard(a, b, keys=[longest])

                self.refused("invalid_argument", a, "dispatch", keys=[longest + "x"])
                self.refused("invalid_argument", b, "register", listener="l2", keys=[longest + "x"])
                self.refused("invalid_argument", b, "register", listener="l2", keys=[":value"])
                self.refused("invalid_argument", b, "register", listener="l2", keys=["no colon"])

    def test_keys_per_dispatch(self):
        """an event with 256 keys reaches the listener of the last of them, 257 are refused"""
        a, b = self.mesh("ab", mode="scale-efficient")
        keys = [f"K:{i}" for i in range(1, 258)]
        self.listen(b, ["K:256"])

        self.dispatch_heard(a, b, keys=keys[:256])

        message = self.refused("too_many_keys", a, "dispatch", keys=keys)
        self.assertIn("257", message)
        self.dispatch_heard(a, b, keys=["K:256"])

    def test_event_size(self):
        """an event of exactly the limit crosses the mesh, one byte more is refused with both numbers"""
        a, b = self.mesh("ab", event_bytes=EVENT_BYTES)
        self.listen(b)

        self.dispatch_heard(a, b, keys=["K:1"], size=EVENT_BYTES)

        message = self.refused("event_too_large", a, "dispatch", keys=["K:1"], size=EVENT_BYTES + 1)
        self.assertIn(str(EVENT_BYTES), message)
        self.assertIn(str(EVENT_BYTES + 1), message)
        self.dispatch_heard(a, b, keys=["K:1"])

    def test_all_bounds_together(self):
        """an event of the size limit with 256 keys of 255 bytes crosses the mesh on both lanes, and the stream goes on"""
        keys = [f"K:{i}" + "x" * 250 for i in range(100, 355)] + ["Last:" + "y" * 250]
        for mode in ("broadcast", "scale-efficient"):
            with self.subTest(mode):
                a, b = self.mesh([f"a-{mode}", f"b-{mode}"], mode=mode, event_bytes=EVENT_BYTES)
                self.listen(b, ["K:1", keys[-1]])

                self.dispatch_heard(a, b, keys=keys, size=EVENT_BYTES)
                self.dispatch_heard(a, b, keys=["K:1"])

                self.assertEqual(0, b.heard()["gaps"])

    def test_many_keys_of_one_listener(self):
        """an event with several keys of one listener is heard once"""
        a, b = self.mesh("ab")
        self.listen(b, ["K:1", "K:2", "K:3"])

        a.ask("dispatch", keys=["K:1", "K:2", "K:3"])
        self.dispatch_last(a, b)

        self.assertEqual(2, b.heard()["events"])

    def dispatch_last(self, publisher, hearer):
        """One event more, so that everything before it has been heard when it has."""
        hearer.ask("register", listener="last", keys=["Last:1"])
        publisher.ask("dispatch", keys=["Last:1", "K:1"])
        self.wait("the last is heard", lambda: hearer.heard("last")["events"] == 1)
        self.wait("here, too", lambda: hearer.heard()["events"] >= 2)

    def test_each_node(self):
        """each-node listeners hear everything in broadcast, from publishers of both modes; scale-efficient refuses them"""
        a = self.node("a", mode="broadcast")
        b = self.node("b", mode="scale-efficient", seeds=[a])
        self.wait_in_touch([a, b])

        message = self.refused("each_node_refused", b, "register", listener="all", each_node=True)
        self.assertIn("scale-efficient", message)
        self.listen(a, [], each_node=True)
        for publisher in (a, b):
            self.dispatch_heard(publisher, a, keys=["Unknown:1"])
            self.dispatch_heard(publisher, a, keys=[])

    def test_no_interest(self):
        """in scale-efficient mode an event that nobody wants is neither sent nor encoded"""
        a, b = self.mesh("ab", mode="scale-efficient")
        self.listen(b, ["K:1"])
        before = a.counter("evmesh_stream_events_not_encoded_total")

        answer = a.ask("dispatch", keys=["K:2"])

        self.assertEqual(0, answer["interested"])
        self.assertEqual(before + 1, a.counter("evmesh_stream_events_not_encoded_total"))
        self.dispatch_heard(a, b, keys=["K:1"])
        self.assertEqual(1, b.heard()["events"])


if __name__ == "__main__":
    mesh.main()
