#!/usr/bin/python3
"""What operators do with group work that failed: see it, understand it, repair it, put it back."""

import http.client
import json
import pathlib
import socket
import subprocess

from daemons import DEADLINE, PROGRAM, DaemonCase, environment, eventually  # first: it adds the path of the next

from cases import main


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=DEADLINE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(self.path)


class WorkTest(DaemonCase):
    def path(self, name):
        return pathlib.Path(self.place.name) / name

    def script(self, text):
        """The program of the group `index`: each run leaves a line with the event's id in `runs` when it works."""
        file = self.path("index.sh")
        file.write_text(f"#!/bin/sh\ncd {self.place.name}\n{text}\n")
        file.chmod(0o755)

    def broken(self):
        self.script('echo "no index here" >&2; exit 65')

    def repaired(self):
        self.script("echo $EVMESH_EVENT_ID >> runs")

    def start_node(self, name="one"):
        conf = self.path("node.conf")
        conf.write_text(f"[listener.index]\ntype = exec\ngroup = index\ncommand = {self.path('index.sh')}\n")
        return self.start(name, "-c", str(conf))

    def start_again(self, node, name="one"):
        """After `node` was killed."""
        node.process.kill()
        node.process.wait(DEADLINE)
        node.ready_file.unlink()
        return self.start_node(name)

    def runs(self):
        file = self.path("runs")
        return file.read_text().split() if file.exists() else []

    def json(self, node, *words):
        return json.loads(self.run_ok(node, *words, "-o", "json"))

    def letters(self, node, *flags):
        return self.json(node, "dead-letter", "ls", *flags)["items"]

    def bury(self, node, count):
        ran = self.run_cli(node, "dispatch", "mail.added", '{"uid": 7}', "--user", "bob", "--count", str(count),
                           "--wait", "done", "--wait-seen", "0", "-o", "json")
        self.assertEqual(ran.returncode, 1, ran.stderr)
        self.assertEqual(json.loads(ran.stdout)["ended"], {"done": 0, "dead": count, "owed": 0})

    def ask(self, node, method, target):
        connection = UnixConnection(node.socket)
        connection.request(method, target)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, json.loads(body) if body else None, dict(answer.getheaders())

    def test_repair(self):
        """an event that failed is a dead letter with its reason; when the cause is mended one command puts it back"""
        self.broken()
        node = self.start_node()
        self.bury(node, 3)

        letters = self.letters(node)
        life = self.json(node, "event", "show", letters[0]["event"])
        health = self.json(node, "status")["health"]
        self.assertEqual(len(letters), 3)
        self.assertEqual((letters[0]["group"], letters[0]["error"]), ("index", "exit 65: no index here"))
        self.assertEqual((life["groups"][0]["state"], life["groups"][0]["dead_letter"]), ("dead", letters[0]["id"]))
        self.assertEqual(health["status"], "degraded")
        self.assertIn("3 dead letters", json.dumps(health))

        self.repaired()
        task = self.json(node, "dead-letter", "redeliver", "-g", "index", "--wait")
        eventually(lambda: len(self.runs()) == 3)
        eventually(lambda: not self.letters(node))

        self.assertEqual((task["state"], task["redelivered"]), ("completed", 3))
        self.assertEqual(sorted(self.runs()), sorted(letter["event"] for letter in letters))
        eventually(lambda: self.json(node, "event", "show", letters[0]["event"])["over"])
        done = self.json(node, "event", "show", letters[0]["event"])["groups"][0]
        self.assertEqual((done["state"], done["returns"]), ("done", 1))
        self.assertEqual(self.json(node, "status")["health"]["status"], "healthy")

    def test_wait_done(self):
        """dispatch waits until every group is through, and says when the time was too short"""
        self.repaired()
        node = self.start_node()

        done = self.json(node, "dispatch", "t", "--wait", "done", "--wait-seen", "0")
        self.run_ok(node, "group", "pause", "index")
        late = self.run_cli(node, "dispatch", "t", "--wait", "done", "--wait-seen", "0", "--timeout", "300ms")

        self.assertEqual((done["groups"], done["ended"]), (1, {"done": 1, "dead": 0, "owed": 0}))
        self.assertEqual(late.returncode, 75, late.stderr)
        self.assertIn("still owed", late.stderr)

    def test_pause_and_kill(self):
        """a paused group stays paused when the node is killed, and loses nothing"""
        self.repaired()
        node = self.start_node()
        self.run_ok(node, "group", "pause", "index", "--reason", "moving")
        self.run_ok(node, "dispatch", "t", "--count", "5", "--wait-seen", "0")

        node = self.start_again(node)
        group = self.json(node, "group", "show", "index")
        self.assertEqual((group["paused"], group["reason"], group["owed"]), (True, "moving", 5))
        self.assertEqual(self.runs(), [])

        self.run_ok(node, "group", "resume", "index")
        eventually(lambda: len(self.runs()) == 5)

    def test_redelivery_and_kill(self):
        """a redelivery goes on after kill -9, and every letter is handled"""
        self.broken()
        node = self.start_node()
        self.bury(node, 40)
        events = {letter["event"] for letter in self.letters(node)}
        self.repaired()
        task = self.json(node, "dead-letter", "redeliver", "--all", "--rate", "20/s")
        eventually(lambda: len(self.runs()) > 5)

        node = self.start_again(node)
        self.run_ok(node, "task", "wait", task["id"], "--timeout", f"{DEADLINE}s")

        eventually(lambda: set(self.runs()) == events)
        eventually(lambda: not self.letters(node))
        self.assertEqual(self.json(node, "task", "show", task["id"])["redelivered"], 40)
        # What ran when the node was killed may have run twice, and nothing else.
        self.assertLessEqual(len(self.runs()), 40 + 10)

    def test_export_and_import(self):
        """exported letters come back as they were, on another node too"""
        self.broken()
        node = self.start_node()
        self.bury(node, 3)
        before = self.letters(node)

        asked = self.run_cli(node, "dead-letter", "rm", "-g", "index", "--export", "kept.jsonl", stdin=None, input="")
        self.assertEqual(asked.returncode, 64, asked.stderr)
        removed = self.json(node, "dead-letter", "rm", "-g", "index", "--export", "kept.jsonl", "--yes")
        self.assertEqual((removed["removed"], self.letters(node)), (3, []))
        imported = self.json(node, "dead-letter", "import", "kept.jsonl")
        again = self.json(node, "dead-letter", "import", "kept.jsonl")

        self.assertEqual((imported["kept"], again["read"], again["kept"]), (3, 3, 0))
        without_number = [{**letter, "number": 0} for letter in before]
        self.assertEqual([{**letter, "number": 0} for letter in self.letters(node)], without_number)
        exists = self.run_cli(node, "dead-letter", "export", "kept.jsonl")
        self.assertEqual(exists.returncode, 73, exists.stderr)
        bad = self.run_cli(node, "dead-letter", "import", "-", input='{"bus":"events"}\n')
        self.assertEqual(bad.returncode, 65, bad.stderr)
        self.assertIn("line 1", bad.stderr)

    def listen(self, node, *words):
        return self.run_ok(node, "listen", "--group", "hand", *words, "-q", "-o", "jsonl", "--timeout", f"{DEADLINE}s")

    def test_listen(self):
        """a program of the shell does a group's work: done with exit 0, again with 75, never again with 65"""
        node = self.start("one")
        self.listen_once(node)
        self.run_ok(node, "dispatch", "first", "--count", "2", "--wait-seen", "0")

        # The group is durable: what came while nobody listened is there.
        seen = [json.loads(line) for line in self.listen(node, "--durable", "--count", "1").splitlines()]
        self.assertEqual([(each["type"], each["group"]) for each in seen], [("first", "hand")])
        eventually(lambda: self.json(node, "group", "show", "hand")["owed"] == 1)

        # Nobody waits until the node has noticed that the program before is gone.
        tried = self.run_cli(node, "listen", "--group", "hand", "--durable", "--count", "2", "--exec",
                             "echo $EVMESH_EVENT_GROUP >> tried; [ -e second ] && exit 65; touch second; exit 75", "-q")
        self.assertEqual(tried.returncode, 1, tried.stderr)
        eventually(lambda: len(self.letters(node)) == 1)
        self.assertEqual(self.letters(node)[0]["error"], "--exec ended with 65")
        self.assertEqual(self.path("tried").read_text().split(), ["hand", "hand"])

    def test_listen_twice(self):
        """a group has one listen at a time on a node; the next is refused at once, and takes over when it is gone"""
        node = self.start("one")
        words = [PROGRAM, "listen", "--group", "hand", "--durable", "-q", "--server", node.socket]
        first = subprocess.Popen(words, env=environment(), stdout=subprocess.DEVNULL)
        eventually(lambda: any(group["runners"] for group in self.json(node, "group", "ls")["items"]))

        second = self.run_cli(node, "listen", "--group", "hand", "--durable")
        first.kill()
        first.wait(DEADLINE)
        third = self.run_cli(node, "listen", "--group", "hand", "--durable", "--count", "1", "--timeout", "2s")
        self.run_ok(node, "dispatch", "later", "--wait-seen", "0")
        fourth = [json.loads(line) for line in self.listen(node, "--durable", "--count", "1").splitlines()]

        self.assertEqual(second.returncode, 65)
        self.assertIn('group "hand" is already registered on this bus', second.stderr)
        self.assertEqual(third.returncode, 75, third.stderr)
        self.assertEqual([each["type"] for each in fourth], ["later"])

    def listen_once(self, node):
        """Makes the group `hand` durable by doing one event of it."""
        listening = subprocess.Popen([PROGRAM, "listen", "--group", "hand", "--durable", "--count", "1", "-q", "--server", node.socket],
                                     env=environment(), stdout=subprocess.DEVNULL)
        eventually(lambda: any(group["group"] == "hand" for group in self.json(node, "group", "ls")["items"]))
        self.run_ok(node, "dispatch", "zero", "--wait-seen", "0")
        self.assertEqual(listening.wait(DEADLINE), 0)

    def test_james(self):
        """scripts that were written for the web admin of James work"""
        self.broken()
        node = self.start_node()
        self.bury(node, 2)
        base = "/events/deadLetter"
        self.assertEqual(self.ask(node, "GET", f"{base}/groups")[:2], (200, ["index"]))
        status, ids, _ = self.ask(node, "GET", f"{base}/groups/index")
        self.assertEqual((status, len(ids)), (200, 2))
        self.assertEqual(self.ask(node, "GET", f"{base}/groups/other")[:2], (200, []))
        self.assertEqual(self.ask(node, "GET", f"{base}/groups/index/{ids[0]}")[1]["type"], "mail.added")

        unknown = "019aab12-0000-7000-8000-000000000001"
        for method, target, wanted in (
                ("GET", f"{base}/groups/a%20b", 400), ("GET", f"{base}/groups/index/nonsense", 400),
                ("GET", f"{base}/groups/index/{unknown}", 404), ("DELETE", f"{base}/groups/index/{unknown}", 204),
                ("POST", base, 400), ("POST", f"{base}?action=other", 400), ("POST", f"{base}?action=reDeliver&limit=x", 400),
                ("GET", f"/tasks/{unknown}", 404), ("GET", "/tasks/nonsense", 400)):
            with self.subTest(method=method, target=target):
                self.assertEqual(self.ask(node, method, target)[0], wanted)
        self.assertIn("reDeliver", self.ask(node, "POST", base)[1]["message"])

        self.assertEqual(self.ask(node, "DELETE", f"{base}/groups/index/{ids[1]}")[0], 204)
        self.repaired()
        status, made, headers = self.ask(node, "POST", f"{base}/groups/index/{ids[0]}?action=reDeliver")
        self.assertEqual((status, headers["Location"]), (201, f"/tasks/{made['taskId']}"))
        status, task, _ = self.ask(node, "GET", f"/tasks/{made['taskId']}/await?timeout=30s")
        self.assertEqual((status, task["status"], task["type"]), (200, "completed", "event-dead-letters-redeliver-one"))
        self.assertEqual((task["additionalInformation"]["successfulRedeliveriesCount"],
                          task["additionalInformation"]["insertionId"]), (1, ids[0]))
        self.assertEqual([each["taskId"] for each in self.ask(node, "GET", "/tasks?status=completed")[1]], [made["taskId"]])
        eventually(lambda: self.ask(node, "GET", f"{base}/groups")[1] == [])

    def test_confirm(self):
        """letters are removed by a filter only when somebody has said how many they are"""
        self.broken()
        node = self.start_node()
        self.bury(node, 2)

        status, answer, _ = self.ask(node, "DELETE", "/api/v1/dead-letters?group=index")
        self.assertEqual((status, answer["error"]["code"]), (409, "not_confirmed"))
        self.assertEqual(self.ask(node, "DELETE", "/api/v1/dead-letters?group=index&confirm=3")[0], 409)
        self.assertEqual(self.ask(node, "DELETE", "/api/v1/dead-letters?group=index&confirm=2")[:2],
                         (200, {"schema": "evmesh.count.v1", "removed": 2}))


if __name__ == "__main__":
    main()
