#!/usr/bin/python3
"""A Python peer takes one node's place in a mesh of three: two evmeshd and tests/interop/node.py, on loopback."""

import json
import os
import subprocess
import sys
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peers"))
import daemons  # noqa: E402
from cases import main  # noqa: E402
from daemons import DaemonCase, eventually  # noqa: E402
from node import Node  # noqa: E402

KEY = "MailboxPath:bob/INBOX"


class InteropTest(DaemonCase):
    mode = "broadcast"

    def peer(self, *seeds, **options):
        node = Node(options.pop("name", "py"), [seed.ready["work"] for seed in seeds], **{"mode": self.mode, **options})
        self.addCleanup(node.vanish)
        return node

    def mesh(self, **options):
        """Two daemons and the Python peer, all in touch."""
        flags = ["--node.mode=" + self.mode, "--mesh.listen=tcp://127.0.0.1:0"]
        one = self.start("one", *flags)
        two = self.start("two", *flags, "--mesh.seed", one.ready["work"])
        py = self.peer(one, **options)
        eventually(lambda: py.up() == ["one", "two"])
        for daemon in (one, two):
            self.run_ok(daemon, "status", "--wait-members", "3", "--timeout", f"{daemons.DEADLINE}s")
        return one, two, py

    def dispatch(self, daemon, *payloads, key=KEY):
        for payload in payloads:
            self.run_ok(daemon, "dispatch", "Interop", payload, "-k", key)

    def follow(self, daemon, *words):
        """An `evmesh listen` whose registration everybody has acknowledged; gives the lines as they come."""
        path = os.path.join(self.place.name, f"{daemon.ready['name']}.heard")
        with open(path, "wb") as out, open(path + ".notes", "wb") as notes:
            listening = subprocess.Popen([daemons.PROGRAM, "listen", *words, "-o", "jsonl", "--server", daemon.socket],
                                         stdout=out, stderr=notes, env=daemons.environment())

        def end():
            listening.terminate()
            listening.wait(daemons.DEADLINE)

        self.addCleanup(end)

        def heard():
            with open(path, encoding="utf-8") as lines:
                return [json.loads(line) for line in lines if line.endswith("\n")]

        def listens():
            with open(path + ".notes", encoding="utf-8") as notes:
                return "listening" in notes.read()

        eventually(listens)
        return heard


class OnePlaceOfThree:
    """What holds of a Python peer between two daemons, in each mode."""

    def test_events_go_all_ways(self):
        """what any of the three dispatches is heard by the other two, once and in order"""
        one, two, py = self.mesh()
        on_py = py.listen(KEY)
        eventually(py.acknowledged)
        on_one, on_two = self.follow(one, "-k", KEY), self.follow(two, "-k", KEY)
        self.dispatch(one, "one-1", "one-2")
        self.dispatch(two, "two-1")

        last = [py.dispatch(f"py-{number}", [KEY]) for number in range(1, 4)][-1]

        eventually(lambda: py.seen_by(last) == ["one", "two"])
        for heard in (on_one, on_two):
            eventually(lambda heard=heard: len(heard()) == 6)
            self.assertEqual(["py-1", "py-2", "py-3"], self.texts(heard, py.id))
        eventually(lambda: len(on_py.heard) == 3)
        self.assertEqual((["one-1", "one-2"], ["two-1"]), (on_py.payloads("one"), on_py.payloads("two")))

    def texts(self, heard, publisher):
        return [line["text"] for line in heard() if line.get("origin", {}).get("publisher") == str(publisher)]

    def test_interest(self):
        """a listener hears the events of its key alone"""
        one, _, py = self.mesh()
        listener = py.listen(KEY)
        eventually(py.acknowledged)

        self.dispatch(one, "other", key="User:alice")
        self.dispatch(one, "mine")
        eventually(lambda: listener.heard)

        self.assertEqual(["mine"], listener.payloads("one"))
        # Of what was left out a frame says so, or it came in vain: nothing is asked for.
        self.assertEqual((0, []), (py.sent["repair"], listener.gaps("one")))

    def test_python_answers_a_repair(self):
        """what the Python peer sent and the network lost is asked for, sent again and heard in its place"""
        one, two, py = self.mesh()
        heards = [self.follow(one, "-k", KEY), self.follow(two, "-k", KEY)]
        py.dispatch("1", [KEY])
        for heard in heards:
            eventually(lambda heard=heard: len(heard()) == 1)

        py.lose(4)
        for number in range(2, 11):
            py.dispatch(str(number), [KEY])

        for heard in heards:
            eventually(lambda heard=heard: len(heard()) == 10)
            self.assertEqual([str(number) for number in range(1, 11)], self.texts(heard, py.id))
        self.assertGreaterEqual(py.heard["repair"], 1)

    def test_python_asks_for_a_repair(self):
        """what a daemon sent and the Python peer did not get is asked for and heard in its place"""
        one, _, py = self.mesh()
        listener = py.listen(KEY)
        eventually(py.acknowledged)
        self.dispatch(one, "1")
        eventually(lambda: listener.heard)

        py.lose_what_comes(2)
        self.dispatch(one, "2", "3", "4")

        eventually(lambda: len(listener.heard) == 4)
        self.assertEqual(["1", "2", "3", "4"], listener.payloads("one"))
        self.assertGreaterEqual(py.sent["repair"], 1)
        self.assertEqual([], listener.gaps("one"))

    def test_gap(self):
        """what the Python peer cannot send again is a gap that names it, and what follows is heard"""
        one, _, py = self.mesh()
        heard = self.follow(one, "-k", KEY)
        py.dispatch("1", [KEY])
        eventually(lambda: len(heard()) == 1)

        py.lose(2)
        py.dispatch("2", [KEY])
        py.forget_ring()
        py.dispatch("3", [KEY])

        eventually(lambda: len(heard()) == 3)
        first, gap, last = heard()
        self.assertEqual(("1", "3"), (first["text"], last["text"]))
        self.assertEqual(("ring_overrun", 2, 2), (gap["gap"]["reason"], gap["gap"]["from"], gap["gap"]["to"]), gap)

    def test_goodbye(self):
        """the Python peer leaves with a goodbye and nothing is missing; the goodbye of a daemon is understood, too"""
        one, two, py = self.mesh()
        listener = py.listen(KEY)
        eventually(py.acknowledged)
        heard = self.follow(one, "-k", KEY)
        self.dispatch(two, "last words of two")
        eventually(lambda: listener.heard)

        two.end()
        eventually(lambda: py.row("two").over)
        number = py.dispatch("last words of py", [KEY])
        eventually(lambda: py.seen_by(number) == ["one"])
        py.leave(for_good=True)

        eventually(lambda: self.state_of(one, "py") == "left")
        self.assertEqual(["last words of two", "last words of py"], [line.get("text") for line in heard()])
        self.assertEqual([], listener.gaps("two"))

    def state_of(self, daemon, name):
        members = json.loads(self.run_ok(daemon, "member", "ls", "-o", "json"))["items"]
        return next((member["state"] for member in members if member["name"] == name), None)

    def test_next_life(self):
        """after an end without a word a later life takes the place, an earlier one is told that it is stale and goes on as later"""
        one, _, py = self.mesh(epoch=5)
        heard = self.follow(one, "-k", KEY)
        py.dispatch("1", [KEY])
        eventually(lambda: len(heard()) == 1)

        py.vanish()
        again = self.peer(one, node_id=py.id, epoch=4)

        eventually(lambda: "one" in again.up())
        self.assertEqual(6, again.epoch)
        again.dispatch("2", [KEY])
        eventually(lambda: len(heard()) == 3)
        self.assertEqual("life_ended", heard()[1]["gap"]["reason"])
        self.assertEqual({"publisher": str(py.id), "epoch": 6, "seq": 1}, heard()[2]["origin"])


class BroadcastTest(OnePlaceOfThree, InteropTest):
    """Everybody in mode broadcast: notifications by the XPUB."""

    def test_each_node(self):
        """a listener for each event hears those without a key of its own, too"""
        one, _, py = self.mesh()
        listener = py.listen(None)
        eventually(py.acknowledged)
        heard = self.follow(one, "--each-node")

        self.dispatch(one, "a", key="User:alice")
        py.dispatch("b", ["User:carol"])

        eventually(lambda: listener.heard and len(heard()) == 2)
        self.assertEqual(["a"], listener.payloads("one"))

    def test_another_cluster(self):
        """a peer of another cluster is rejected with that reason, and is no member"""
        one = self.start("one", "--node.mode=broadcast", "--mesh.listen=tcp://127.0.0.1:0")

        stranger = self.peer(one, name="stranger", cluster="other")

        eventually(lambda: stranger.rejections)
        self.assertEqual("cluster", stranger.rejections[0])
        self.assertIsNone(self.state_of(one, "stranger"))

    def test_group_work(self):
        """group work goes on beside a peer that has none, and operators are answered"""
        one, two, py = self.mesh()
        done = self.follow(one, "--group", "index", "--durable")
        eventually(lambda: ("events", "index") in py.groups)

        self.run_ok(two, "dispatch", "Interop", "work", "--wait", "done")

        self.assertEqual(["work"], [line["text"] for line in done()])
        groups = json.loads(self.run_ok(two, "group", "ls", "-o", "json"))
        self.assertEqual(["index"], [group["group"] for group in groups["items"]], groups)

    def test_daemon_of_an_earlier_life(self):
        """a daemon that is told of a later life of its own goes on above that, and so does its group work"""
        one, two, py = self.mesh()
        done = self.follow(one, "--group", "index", "--durable")
        two.process.kill()
        two.end()
        two.ready_file.unlink()
        row = py.row("two")
        later = row.epoch + 10**12
        row.epoch, row.over = later, True

        again = self.start("two", "--node.mode=" + self.mode, "--mesh.listen=tcp://127.0.0.1:0", "--mesh.seed", one.ready["work"])
        eventually(lambda: py.row("two").epoch == later + 1 and "two" in py.up())
        self.run_ok(again, "dispatch", "Interop", "work", "--wait", "done")

        self.assertEqual(["work"], [line["text"] for line in done()])


class ScaleEfficientTest(OnePlaceOfThree, InteropTest):
    """Everybody in mode scale-efficient: notifications by link, to those who want them."""

    mode = "scale-efficient"


if __name__ == "__main__":
    main()
