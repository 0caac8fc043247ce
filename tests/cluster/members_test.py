#!/usr/bin/env python3
"""Who is in the mesh: usage members_test.py PEER-PROGRAM."""

import shutil
import socket
import time
import unittest

import mesh
from mesh import MeshCase, Refused

DEATHS = "evmesh_membership_deaths_total"
OWN_PAUSES = "evmesh_membership_own_pauses_total"
SUSPICIONS = "evmesh_membership_suspicions_total"


class MembersTest(MeshCase):
    def test_one_seed(self):
        """four nodes meet that each know only one other"""
        a = self.node("a")
        b = self.node("b", seeds=[a])
        c = self.node("c", seeds=[b])
        d = self.node("d", seeds=[a])

        self.wait_in_touch([a, b, c, d])

    def test_crash_and_restart(self):
        """a node that was killed and found dead comes back under its id with a later epoch"""
        a, b, c = self.mesh("abc")
        old_id, old_epoch = b.id, b.epoch

        b.kill()

        for peer in (a, c):
            self.wait(f"{peer.name} takes b for dead", lambda peer=peer: peer.state_of("b") == "dead")
        b = self.node("b", seeds=[a])
        self.assertEqual(old_id, b.id)
        self.assertGreater(b.epoch, old_epoch)
        self.wait_in_touch([a, b, c])
        self.check_one_event_each_way(a, b)

    def test_crash_and_restart_at_once(self):
        """a node that is restarted before anybody missed it is told apart from its earlier life"""
        a, b, c = self.mesh("abc")
        old_id, old_epoch = b.id, b.epoch

        b.kill()
        b = self.node("b", seeds=[a])

        self.assertEqual(old_id, b.id)
        self.assertGreater(b.epoch, old_epoch)
        self.wait_in_touch([a, b, c])
        for peer in (a, c):
            self.wait("the later life is known", lambda p=peer: p.status()["members"]["b"]["epoch"] == b.epoch)
        self.check_one_event_each_way(a, b)

    def check_one_event_each_way(self, one, other):
        for hearer, sender in ((one, other), (other, one)):
            self.listen(hearer, ["Back:1"], listener="back")
            answer = sender.ask("dispatch", keys=["Back:1"], payload="x", wait_seen_ms=mesh.DEADLINE * 1000)
            self.assertIn(hearer.name, answer["seen"])
            self.wait("it is heard", lambda h=hearer: h.heard("back")["events"] >= 1)
            hearer.ask("unregister", listener="back")

    def test_lost_disk(self):
        """a node that lost its disk comes back as another on the same endpoint; of the former a gap tells that it is over"""
        a = self.node("a")
        with socket.create_server(("127.0.0.1", 0)) as free:
            endpoint = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        b = self.node("b", seeds=[a], listen=endpoint)
        self.wait_in_touch([a, b])
        self.listen(a)
        self.load(b, "from-b", rate=500)
        self.wait_sent(b, "from-b", 200)

        b.kill()
        self.wait("a takes b for dead", lambda: a.state_of("b") == "dead")
        shutil.rmtree(self.path("b"))
        again = self.node("b", seeds=[a], listen=endpoint)

        self.assertNotEqual(b.id, again.id)
        self.wait("a is told", lambda: self.heard_from(a, b.id, b.epoch)[1])
        events, gaps = self.heard_from(a, b.id, b.epoch)
        self.check_never_silent(self.sent("from-b"), events, gaps)
        self.assertEqual([("life_ended", float("inf"))], [(reason, to) for _, to, reason in gaps])

    def test_short_pause(self):
        """a node that is paused for two seconds is suspected, not dead, and suspects nobody when it wakes"""
        a, b, c = self.mesh("abc")

        # Nobody is dead before 3 s. A pause that got too long on a busy machine proves nothing: once more.
        for _ in range(20):
            deaths = a.counter(DEATHS) + c.counter(DEATHS)
            begin = time.monotonic()
            self.pause(b)
            self.wait("a suspects b", lambda: a.state_of("b") != "alive")
            state = a.state_of("b")
            while time.monotonic() - begin < 2:
                time.sleep(0.02)
            self.resume(b)
            paused = time.monotonic() - begin
            suspicions = b.counter(SUSPICIONS)
            self.wait_in_touch([a, b, c])
            if paused < 2.5:
                break
        else:
            self.skipTest("this machine is too busy to pause a process for 2 s")

        self.assertEqual("suspect", state)
        self.assertEqual(deaths, a.counter(DEATHS) + c.counter(DEATHS))
        self.assertEqual(suspicions, b.counter(SUSPICIONS))
        self.assertGreaterEqual(b.counter(OWN_PAUSES), 1)

    def test_polite_stop(self):
        """a node that stops says so, and nobody has to find out"""
        a, b = self.mesh("ab")

        b.quit()

        self.wait("a knows", lambda: a.state_of("b") != "alive")
        self.assertEqual(0, a.counter(DEATHS))

    def test_twin(self):
        """of two processes with one identity the second fails and says why; the first does not notice"""
        a, b = self.mesh("ab")
        shutil.copytree(self.path("b"), self.path("copy"))
        twin = self.process("twin")

        try:
            twin.open(name="b", data_dir=self.path("copy"), seeds=[a.listen])
            self.wait("the twin fails", lambda: twin.status()["failed"])
            why = twin.status()["failure"]
            self.wait("its host is told", lambda: twin.status()["fatal"] == why)
            with self.assertRaises(Refused) as refused:
                twin.ask("dispatch", keys=["K:1"])
            self.assertEqual("node_failed", refused.exception.code)
        except Refused as refused:
            self.assertEqual("node_failed", refused.code)
            why = str(refused)

        self.assertIn("another process", why)
        self.wait_in_touch([a, b])
        self.assertEqual(b.epoch, a.status()["members"]["b"]["epoch"])
        self.assertFalse(b.status()["failed"])

    def test_same_data_directory(self):
        """a data directory is one process's at a time, and the refusal names it"""
        a = self.node("a")

        with self.assertRaises(Refused) as refused:
            self.process("second").open(name="a", data_dir=self.path("a"))

        self.assertEqual("storage", refused.exception.code)
        self.assertIn(str(a.process.pid), str(refused.exception))

    def test_port_in_use(self):
        """an endpoint that is taken is named"""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            endpoint = f"tcp://127.0.0.1:{taken.getsockname()[1]}"

            with self.assertRaises(Refused) as refused:
                self.process("a").open(listen=endpoint)

        self.assertEqual("cannot_bind", refused.exception.code)
        self.assertIn(endpoint, str(refused.exception))

    def test_wrong_cluster(self):
        """a node of another cluster is rejected, and both sides log it"""
        a, b = self.mesh("ab")
        stranger = self.node("stranger", seeds=[a], cluster="other")

        self.wait("the stranger logs it", lambda: "rejected_by_peer" in stranger.log())
        self.wait("a logs it", lambda: "hello_rejected" in a.log())

        self.assertIn("reason=cluster", stranger.log())
        self.assertIn("reason=cluster", a.log())
        self.assertEqual({"a", "b"}, set(a.status()["members"]))
        self.assertEqual({"stranger"}, set(stranger.status()["members"]))
        self.wait_in_touch([a, b])

    def test_two_nodes_in_one_process(self):
        """two nodes in one process are two members, and hear each other"""
        both = self.process("both")
        both.open(name="one")
        both.ask("open", node="second", name="two", seeds=[both.listen])
        self.wait("they meet", lambda: both.status()["members"].get("two", {}).get("hears_us"))
        both.ask("register", node="self", listener="on-one", keys=["K:1"])
        both.ask("register", node="second", listener="on-two", keys=["K:1"])

        both.ask("dispatch", node="self", keys=["K:1"])
        both.ask("dispatch", node="second", keys=["K:1"])

        for listener in ("on-one", "on-two"):
            self.wait("both are heard", lambda name=listener: both.heard(name)["events"] == 2)


if __name__ == "__main__":
    mesh.main()
