#!/usr/bin/env python3
"""What is dispatched is heard once and in order, or a gap says what is missing: usage streams_test.py PEER-PROGRAM."""

import time
import unittest

import mesh
from mesh import MeshCase

MODES = ("broadcast", "scale-efficient")


class StreamsTest(MeshCase):
    def test_long_pause(self):
        """a node that was paused for ten seconds, and taken for dead, gets all it missed or a gap"""
        a, b, c = self.mesh("abc")
        for peer in (a, b, c):
            self.listen(peer)
        self.load(a, "from-a", rate=500)
        self.load(b, "from-b", rate=200)
        self.wait_sent(b, "from-b", 100)

        self.pause(b)
        begin = time.monotonic()
        self.wait("a takes b for dead", lambda: a.state_of("b") == "dead")
        self.wait("ten seconds have passed", lambda: time.monotonic() - begin >= 10)
        self.resume(b)

        self.wait_in_touch([a, b, c])
        after_wake = b.ask("load", label="from-b")["sent"] + 200
        self.wait_sent(b, "from-b", after_wake)
        for peer, label in ((a, "from-a"), (b, "from-b")):
            self.stop_load(peer, label)
        self.check_everybody([a, b, c], {a: "from-a", b: "from-b"}, healthy={(c, a)})

    def check_everybody(self, peers, loads, healthy=()):
        """Every listener has, or is told it lacks, what every load sent; (listener, publisher) of `healthy` lack nothing."""
        for publisher, label in loads.items():
            sent = self.sent(label)
            for peer in peers:
                if peer is publisher:
                    continue
                self.wait_heard_up_to(peer, publisher, max(sent))
                events, gaps = self.heard_from(peer, publisher.id, publisher.epoch)
                if (peer, publisher) in healthy:
                    self.check_all(sent, events, gaps)
                else:
                    self.check_never_silent(sent, events, gaps)

    def test_repair(self):
        """a short pause under load loses nothing: what was missed is repaired from the publisher's ring"""
        for mode in MODES:
            with self.subTest(mode):
                a, b, c = self.mesh([f"{n}-{mode}" for n in "abc"], mode=mode, window_bytes=65536,
                                    event_bytes=65536)
                for peer in (b, c):
                    self.listen(peer)
                self.load(a, f"from-a-{mode}", rate=2000, size=1000)
                self.wait_sent(a, f"from-a-{mode}", 500)

                self.pause(b)
                begin = a.ask("load", label=f"from-a-{mode}")["sent"]
                self.wait("b is not waited for", lambda: not a.status()["in_step"].get(b.name, True))
                self.resume(b)

                # The ring has room for 60,000 of them.
                self.wait_sent(a, f"from-a-{mode}", begin + 2000)
                self.stop_load(a, f"from-a-{mode}")
                sent = self.sent(f"from-a-{mode}")
                for peer in (b, c):
                    self.wait_heard_up_to(peer, a, max(sent))
                    self.check_all(sent, *self.heard_from(peer, a.id, a.epoch))
                for peer in (a, b, c):
                    peer.kill()

    def test_hole_is_repaired(self):
        """a connection's queue that overflows while a reader is paused makes a hole, which is counted and repaired"""
        a, b, c = self.mesh("abc")
        for peer in (b, c):
            self.listen(peer)

        # More than what the sockets between them hold, less than the ring.
        self.pause(b)
        self.load(a, "from-a", count=40_000, size=1000)
        self.wait_sent(a, "from-a", 40_000)
        self.resume(b)

        sent = self.sent("from-a")
        for peer in (b, c):
            self.wait_heard_up_to(peer, a, max(sent))
            self.check_all(sent, *self.heard_from(peer, a.id, a.epoch))
        self.assertGreaterEqual(b.counter("evmesh_stream_repaired_total"), 1)

    def test_ring_overrun(self):
        """who misses more than the publisher's ring holds gets an explicit gap, and nobody else does"""
        a, b, c = self.mesh("abc", ring_bytes=8 << 20, window_bytes=1 << 20)
        for peer in (b, c):
            self.listen(peer)

        # At a rate that c keeps up with; 2 s of it are in the ring.
        self.pause(b)
        self.load(a, "from-a", count=40_000, size=1000, rate=4000)
        self.wait_sent(a, "from-a", 40_000)
        self.wait("a takes b for slow or dead", lambda: not a.status()["in_step"].get("b", False))
        self.resume(b)

        sent = self.sent("from-a")
        for peer in (b, c):
            self.wait_heard_up_to(peer, a, max(sent))
        events, gaps = self.heard_from(b, a.id, a.epoch)
        missing = self.check_never_silent(sent, events, gaps)
        self.assertGreaterEqual(missing, 1)
        self.assertEqual({"ring_overrun"}, {reason for _, _, reason in gaps})
        self.assertGreaterEqual(b.counter("evmesh_gaps_total"), 1)
        self.check_all(sent, *self.heard_from(c, a.id, a.epoch))

    def test_stalled_node(self):
        """a node that stalls for ten seconds is left behind; the others stay in step, and nobody lacks anything"""
        a, b, c = self.mesh("abc")
        for peer in (b, c):
            self.listen(peer)
        seen = {"b": set(), "c": set()}

        def look():
            for name, in_step in a.status()["in_step"].items():
                seen[name].add(in_step)
            return seen

        # 4 MB/s fill the window of 8 MiB before b is taken for dead; ten seconds of it have room in the ring.
        self.pause(b)
        begin = time.monotonic()
        self.load(a, "from-a", size=2000, rate=2000)
        self.wait("b is left behind", lambda: False in look()["b"])
        self.wait("ten seconds have passed", lambda: look() and time.monotonic() - begin >= 10)
        sent = a.ask("load", label="from-a")["sent"]
        self.resume(b)

        self.assertEqual({True}, seen["c"])
        self.assertGreater(sent, 10_000)
        self.wait("b is in step again", lambda: a.status()["in_step"].get("b", False))
        self.stop_load(a, "from-a")
        sent = self.sent("from-a")
        for peer in (b, c):
            self.wait_heard_up_to(peer, a, max(sent))
            self.check_all(sent, *self.heard_from(peer, a.id, a.epoch))

    def test_large_repair(self):
        """a repair of almost the whole ring does not overrun the inbox of a listener that keeps up, far smaller than it"""
        a, b = self.mesh("ab")
        # What the sockets hold when b goes on comes at once, up to 8 MiB; the rest is paced.
        self.listen(b, inbox_bytes=12 << 20)

        self.pause(b)
        self.load(a, "from-a", count=46_000, size=1000)
        self.wait_sent(a, "from-a", 46_000)
        self.resume(b)

        sent = self.sent("from-a")
        self.wait_heard_up_to(b, a, max(sent))
        self.check_all(sent, *self.heard_from(b, a.id, a.epoch))

    def test_stalled_listener(self):
        """a listener that stalls for ten seconds loses its own oldest events, with a gap; other listeners lose nothing"""
        a, b, c = self.mesh("abc")
        self.listen(b, listener="slow", inbox_bytes=65536)
        self.listen(b, listener="quick")
        self.listen(c, listener="far")
        b.ask("stall", listener="slow", stalled=True)

        begin = time.monotonic()
        self.load(a, "from-a", rate=1000, size=500)
        self.wait("ten seconds have passed", lambda: time.monotonic() - begin >= 10)
        self.wait_sent(a, "from-a", 1000)
        self.stop_load(a, "from-a")
        sent = self.sent("from-a")
        for peer, listener in ((b, "quick"), (c, "far")):
            self.wait_heard_up_to(peer, a, max(sent), listener)
            self.check_all(sent, *self.heard_from(peer, a.id, a.epoch, listener))
        b.ask("stall", listener="slow", stalled=False)

        self.wait_heard_up_to(b, a, max(sent), "slow")
        events, gaps = self.heard_from(b, a.id, a.epoch, "slow")
        self.assertGreaterEqual(self.check_never_silent(sent, events, gaps), 1)
        self.assertEqual({"listener_overrun"}, {reason for _, _, reason in gaps})

    def test_publisher_killed(self):
        """when a killed publisher comes back, a gap tells that the end of its earlier life may be missing"""
        first, b = self.mesh("ab")
        self.listen(b)
        self.load(first, "from-a")
        self.wait_sent(first, "from-a", 1000)

        first.kill()
        self.node("a", seeds=[b])

        self.wait("b is told", lambda: b.heard()["gaps"] >= 1)
        events, gaps = self.heard_from(b, first.id, first.epoch)
        self.check_never_silent(self.sent("from-a"), events, gaps)
        self.assertEqual([("life_ended", float("inf"))], [(reason, to) for _, to, reason in gaps])

    def test_five_thousand_registrations(self):
        """5,000 registrations reach a publisher that was killed and restarted, and each gets its own event"""
        a, b = self.mesh("ab", mode="scale-efficient")
        b.ask("register", listener="many", prefix="Mailbox:", count=5000, ledger=self.path("b.many.heard"))
        self.wait("a knows them", lambda: a.status()["members"]["b"]["keys"] == 5000)

        a.kill()
        a = self.node("a", seeds=[b], mode="scale-efficient")
        self.wait_in_touch([a, b])

        self.wait("a knows them again", lambda: a.status()["members"]["b"]["keys"] == 5000)
        keys = [f"Mailbox:{i}" for i in range(1, 5001)]
        self.load(a, "each", keys=keys, count=5000)
        self.wait_sent(a, "each", 5000)
        self.wait("b has all", lambda: b.heard("many")["events"] == 5000)
        self.check_all(self.sent("each"), *self.heard_from(b, a.id, a.epoch, "many"))

    def test_conversion_under_load(self):
        """three nodes are converted one by one from scale-efficient to broadcast: no loss, no double, no gap"""
        nodes = dict(zip("abc", self.mesh("abc", mode="scale-efficient")))
        lives = []  # (life number, peer, load label, its listener, from which numbers on)
        for name, peer in nodes.items():
            lives.append(self.start_life(peer, 0))

        for turn, name in enumerate("abc", start=1):
            for life in lives[-3:]:
                self.wait_sent(life["peer"], life["label"], life["peer"].ask("load", label=life["label"])["sent"] + 100)
            old = next(life for life in lives if life["peer"] is nodes[name])
            self.stop_load(old["peer"], old["label"])
            old["peer"].quit()
            others = [peer for other, peer in nodes.items() if other != name]
            nodes[name] = self.node(name, seeds=others, mode="broadcast")
            self.wait_in_touch(list(nodes.values()))
            lives = [life for life in lives if life is not old] + [self.start_life(nodes[name], turn)] + [
                {**old, "ended": True}]
            lives.sort(key=lambda life: life.get("ended", False), reverse=True)

        for life in lives:
            if not life.get("ended"):
                self.wait_sent(life["peer"], life["label"], 200)
        for life in lives:
            if not life.get("ended"):
                self.stop_load(life["peer"], life["label"])
        for hearer in lives:
            for publisher in lives:
                if hearer["peer"].name != publisher["peer"].name:
                    self.check_pair(hearer, publisher)

    def start_life(self, peer, turn):
        label, listener = f"{peer.name}{turn}", f"l{turn}"
        after = self.listen(peer, listener=listener)["acknowledged"]
        self.load(peer, label, rate=200)
        return {"peer": peer, "label": label, "listener": listener, "after": after}

    def check_pair(self, hearer, publisher):
        """What one life of a node heard of a life of another: a piece without holes, to the end if it lived on."""
        peer, source = hearer["peer"], publisher["peer"]
        sent = self.sent(publisher["label"])
        together = source.id in hearer["after"] or source.epoch > peer.epoch
        if publisher.get("ended") and source.epoch < peer.epoch and not self.heard_from(
                peer, source.id, source.epoch, hearer["listener"])[0]:
            return  # that life had ended before
        self.assertTrue(together)
        if not hearer.get("ended"):
            self.wait_heard_up_to(peer, source, max(sent), hearer["listener"])
        events, gaps = self.heard_from(peer, source.id, source.epoch, hearer["listener"])
        # A later life of the same node has the same id: only numbers acknowledged by this life count.
        after = hearer["after"].get(source.id, 0) if source.epoch < peer.epoch else 0
        if hearer.get("ended"):
            last = events[-1][0] if events else after
            sent = {number: word for number, word in sent.items() if number <= last}
        self.check_all(sent, events, gaps, after)

    def test_modes_together(self):
        """nodes of both modes stand in one mesh and hear each other"""
        a = self.node("a", mode="broadcast")
        b = self.node("b", mode="scale-efficient", seeds=[a])
        self.wait_in_touch([a, b])
        for peer in (a, b):
            self.listen(peer)

        self.load(a, "from-a", count=2000)
        self.load(b, "from-b", count=2000)

        for hearer, publisher, label in ((b, a, "from-a"), (a, b, "from-b")):
            self.wait_sent(publisher, label, 2000)
            self.wait_heard_up_to(hearer, publisher, 2000)
            self.check_all(self.sent(label), *self.heard_from(hearer, publisher.id, publisher.epoch))


if __name__ == "__main__":
    mesh.main()
