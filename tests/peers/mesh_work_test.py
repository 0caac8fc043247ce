#!/usr/bin/python3
"""What operators do with the group work of a whole mesh, from whichever node they ask."""

import json
import pathlib
import subprocess

from daemons import DEADLINE, PROGRAM, DaemonCase, environment, eventually  # first: it adds the path of the next

from cases import main

TRY_AGAIN = 75


class MeshWorkTest(DaemonCase):
    def path(self, name):
        return pathlib.Path(self.place.name) / name

    def script(self, text):
        file = self.path("index.sh")
        file.write_text(f"#!/bin/sh\ncd {self.place.name}\n{text}\n")
        file.chmod(0o755)

    def start_member(self, name, *flags):
        conf = self.path("node.conf")
        conf.write_text(f"[listener.index]\ntype = exec\ngroup = index\ncommand = {self.path('index.sh')}\n")
        return self.start(name, "-c", str(conf), "--node.mode=broadcast", "--mesh.listen=tcp://127.0.0.1:0", *flags)

    def three(self):
        self.script('echo "no index here" >&2; exit 65')
        a = self.start_member("a")
        seed = ("--mesh.seed", a.ready["work"])
        nodes = a, self.start_member("b", *seed), self.start_member("c", *seed)
        for node in nodes:
            self.run_ok(node, "status", "--wait-members", "3", "--timeout", f"{DEADLINE}s")
        return nodes

    def repaired(self):
        self.script("echo $EVMESH_EVENT_ID >> runs")

    def runs(self):
        file = self.path("runs")
        return file.read_text().split() if file.exists() else []

    def json(self, node, *words):
        return json.loads(self.run_ok(node, *words, "-o", "json"))

    def bury(self, node, count):
        """The ids of the events."""
        ran = self.run_cli(node, "dispatch", "mail.added", '{"uid": 7}', "--count", str(count), "--wait", "done",
                           "--wait-seen", "0", "-o", "json")
        self.assertEqual(ran.returncode, 1, ran.stderr)
        items = self.json(node, "dead-letter", "ls", "--local", "--limit", "1000")["items"]
        self.assertEqual(len(items), count)
        return {item["event"] for item in items}

    def test_lists(self):
        """groups, dead letters and events of the whole mesh are shown by every node, and its own with --local"""
        a, b, c = self.three()
        events = self.bury(a, 2) | self.bury(c, 3)

        for node, own in ((a, 2), (b, 0), (c, 3)):
            group = self.json(node, "group", "ls")["items"][0]
            self.assertEqual((group["runners"], group["dead"], group["owed"]), (3, 5, 0))
            self.assertEqual(self.json(node, "group", "show", "index")["dead"], 5)
            self.assertEqual(self.json(node, "group", "show", "index", "--local")["dead"], own)
            letters = self.json(node, "dead-letter", "ls")["items"]
            self.assertEqual({letter["event"] for letter in letters}, events)
            self.assertEqual(len(self.json(node, "dead-letter", "ls", "--local")["items"]), own)
            for event in events:
                life = self.json(node, "event", "show", event)
                self.assertEqual([group["state"] for group in life["groups"]], ["dead"])

    def test_names(self):
        """tables call nodes by their names: who accepted an event, and where it failed"""
        a, b, c = self.three()
        event = self.bury(c, 1).pop()
        letter = self.json(c, "dead-letter", "ls", "--local")["items"][0]
        names = {a.ready["id"]: "a", b.ready["id"]: "b", c.ready["id"]: "c"}

        shown = self.run_ok(a, "event", "show", event).splitlines()
        listed = self.run_ok(b, "dead-letter", "ls").splitlines()

        accepted, failed = shown[1].split(), shown[-1].split()
        self.assertEqual(accepted[shown[0].split().index("BY")], "c")
        self.assertEqual(failed[3], names[letter["node"]])
        self.assertEqual(listed[1].split()[listed[0].split().index("NODE") + 1], names[letter["node"]])

    def test_pause_and_rm(self):
        """a group is paused and goes on everywhere from any node, and is not removed while another node runs it"""
        a, b, c = self.three()
        self.repaired()

        paused = self.json(b, "group", "pause", "index", "--reason", "moving")
        eventually(lambda: self.json(c, "group", "show", "index", "--local")["paused"])
        self.run_ok(c, "dispatch", "mail.added", "{}", "--count", "3", "--wait-seen", "0")
        owed = self.json(a, "group", "show", "index")
        refused = self.run_cli(b, "group", "rm", "index", "--cancel")
        resumed = self.json(a, "group", "resume", "index")

        self.assertEqual((paused["paused"], paused["reason"], paused["runners"]), (True, "moving", 3))
        self.assertEqual((owed["ready"], owed["running"]), (3, 0))
        self.assertEqual(refused.returncode, 65)
        self.assertRegex(refused.stderr, "runs on this node, node a, node c")
        self.assertFalse(resumed["paused"])
        eventually(lambda: len(self.runs()) == 3)

    def listening(self, node, name, *words):
        """A `listen` of the group `hand` that writes down what it does in the file `name`."""
        self.path(name).touch()
        process = subprocess.Popen([PROGRAM, "listen", "--group", "hand", "-q", "-s", node.socket, "--exec",
                                    f"echo $EVMESH_EVENT_ID >> {self.path(name)}", *words],
                                   env=environment(), stdout=subprocess.DEVNULL)
        self.addCleanup(lambda: (process.kill(), process.wait(DEADLINE)))
        return process

    def hand(self, node):
        groups = self.json(node, "group", "ls")["items"]
        return next((group for group in groups if group["group"] == "hand"), {"runners": 0})

    def test_listen_on_two_nodes(self):
        """who listens for a group ends alone: another node goes on with it, whichever of them came first"""
        one, two = self.mesh()
        first = self.listening(one, "first")
        eventually(lambda: self.hand(two)["runners"] == 1)
        self.listening(two, "second")
        eventually(lambda: self.hand(one)["runners"] == 2)

        first.terminate()
        first.wait(DEADLINE)
        eventually(lambda: self.hand(two)["runners"] == 1)
        ran = self.json(one, "dispatch", "later", "--count", "3", "--wait", "done", "--wait-seen", "0",
                        "--timeout", f"{DEADLINE}s")

        self.assertEqual(ran["ended"]["done"], 3)
        self.assertEqual(len(self.path("second").read_text().split()), 3)

    def test_listen_alone(self):
        """a group that a listen made ends with it, on all nodes"""
        one, two = self.mesh()
        first = self.listening(one, "first")
        eventually(lambda: self.hand(two)["runners"] == 1)

        first.terminate()
        first.wait(DEADLINE)

        eventually(lambda: all(group["group"] != "hand" for node in (one, two)
                               for group in self.json(node, "group", "ls")["items"]))

    def test_wait_without_runner(self):
        """who waits for a group that nobody runs, or that is paused, is told which one it is"""
        one, two = self.mesh()
        first = self.listening(one, "first", "--durable")
        eventually(lambda: self.hand(two)["runners"] == 1)
        first.terminate()
        first.wait(DEADLINE)
        eventually(lambda: self.hand(two)["runners"] == 0)

        ran = self.run_cli(two, "dispatch", "later", "--wait", "done", "--wait-seen", "0", "--timeout", "1s")
        self.assertEqual(ran.returncode, TRY_AGAIN, ran.stderr)
        self.assertIn("group hand has no runner; its events wait", ran.stderr)
        self.assertIn("1 of 1 events are still owed to a group; group hand has no runner", ran.stderr)

    def test_pages(self):
        """a list in pages shows each letter once, and an export holds all of them"""
        a, b, c = self.three()
        for node in (a, b, c):
            self.bury(node, 3)

        seen, after = [], ()
        while True:
            page = self.json(b, "dead-letter", "ls", "--limit", "2", *after)
            seen += [letter["id"] for letter in page["items"]]
            if page["next"] is None:
                break
            after = ("--after", page["next"])

        self.assertEqual((len(seen), len(set(seen))), (9, 9))
        exported = [json.loads(line)["id"] for line in self.run_ok(c, "dead-letter", "export").splitlines()]
        self.assertEqual(sorted(exported), sorted(seen))
        one = self.json(a, "dead-letter", "show", seen[-1])
        self.assertEqual(one["id"], seen[-1])

    def test_redelivery(self):
        """one command on one node puts back what failed on all, and tells how far they all are"""
        a, b, c = self.three()
        events = self.bury(a, 2) | self.bury(c, 3)
        self.repaired()

        dry = json.loads(self.run_ok(b, "dead-letter", "redeliver", "--all", "--dry-run", "-o", "json"))
        task = json.loads(self.run_ok(b, "dead-letter", "redeliver", "-g", "index", "--wait", "-o", "json"))

        self.assertEqual((dry["redelivered"], task["redelivered"], task["state"]), (5, 5, "completed"))
        eventually(lambda: set(self.runs()) == events)
        self.assertEqual(len(self.runs()), 5)
        eventually(lambda: self.json(a, "dead-letter", "ls")["items"] == [])
        self.assertEqual(self.json(c, "task", "show", task["id"])["redelivered"], 5)
        self.assertEqual(self.json(a, "task", "ls")["items"][0]["id"], task["id"])

    def test_two_operators(self):
        """two operators who ask two nodes at once put each letter back once"""
        a, b, c = self.three()
        events = self.bury(a, 10) | self.bury(c, 10)
        self.repaired()

        asked = [subprocess.Popen([PROGRAM, "dead-letter", "redeliver", "--all", "--wait", "-s", node.socket],
                                  env=environment(), stdout=subprocess.DEVNULL) for node in (a, b)]
        self.assertEqual([each.wait(DEADLINE) for each in asked], [0, 0])

        eventually(lambda: set(self.runs()) == events)
        self.assertEqual(len(self.runs()), 20)

    def test_removal(self):
        """letters are removed on the nodes that have them, by id or by filter, and --local spares the others"""
        a, b, c = self.three()
        for node in (a, c):
            self.bury(node, 2)
        first = self.json(c, "dead-letter", "ls", "--local")["items"][0]["id"]

        self.assertEqual(self.json(a, "dead-letter", "rm", first, "--yes")["removed"], 1)
        self.assertEqual(self.json(b, "dead-letter", "rm", "--all", "--local", "--yes")["removed"], 0)
        self.assertEqual(self.json(b, "dead-letter", "rm", "-g", "index", "--yes")["removed"], 3)
        self.assertEqual(self.json(c, "dead-letter", "ls")["items"], [])
        ran = self.run_cli(b, "dead-letter", "rm", first, "--yes")
        self.assertEqual(ran.returncode, 65, ran.stderr)

    def test_unreached(self):
        """a node that cannot be reached is named in the answer and on standard error, and the exit code says so"""
        a, b, c = self.three()
        self.bury(a, 1)
        lost = self.bury(c, 1)
        letter = self.json(c, "dead-letter", "ls", "--local")["items"][0]["id"]
        c.process.kill()
        c.process.wait(DEADLINE)

        for words in (("group", "ls"), ("dead-letter", "ls"), ("event", "show", lost.pop()), ("task", "ls"),
                      ("dead-letter", "redeliver", "--all", "--dry-run")):
            ran = self.run_cli(b, *words, "-o", "json")
            self.assertEqual(ran.returncode, TRY_AGAIN, f"{words}: {ran.stderr}")
            self.assertRegex(ran.stderr, "node c did not answer")
            self.assertEqual([each["node"] for each in json.loads(ran.stdout)["unreached"]], ["c"])
            self.assertEqual(self.run_cli(b, *words, "--local").returncode, 0)
        ran = self.run_cli(b, "dead-letter", "show", letter)
        self.assertEqual(ran.returncode, 65)
        self.assertIn("node c could not be asked", ran.stderr)
        exported = self.run_cli(b, "dead-letter", "export")
        self.assertEqual((exported.returncode, len(exported.stdout.splitlines())), (TRY_AGAIN, 1))


if __name__ == "__main__":
    main()
