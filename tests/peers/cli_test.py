#!/usr/bin/python3
"""Every verb of evmesh in every form, and what it says when it is used wrongly."""

import json
import pathlib
import signal
import subprocess

from daemons import DEADLINE, PROGRAM, DaemonCase, environment, eventually  # first: it adds the path of the next

from cases import main

# Verb, the heading of its first table, and the schema of its document.
MONO_VERBS = [
    (["status"], "FIELD", "evmesh.status.v1"),
    (["member", "ls"], "MEMBER", "evmesh.members.v1"),
    (["key", "ls"], "KEY", "evmesh.keys.v1"),
    (["explain", "key", "User:bob"], "FACT", "evmesh.key.v1"),
    (["version"], "PROGRAM", "evmesh.versions.v1"),
    (["completion", "bash"], "# bash completion", "evmesh.completion.v1"),
    (["dispatch", "order.paid", '{"order":7}', "-k", "User:bob"], "ACCEPTED", "evmesh.receipt.v1"),
    (["dispatch", "t", "--count", "3"], "ACCEPTED", "evmesh.receipt.v1"),
]
MESH_VERBS = MONO_VERBS + [(["member", "show", "two"], "FIELD", "evmesh.member.v1")]
WRONG_USES = [
    (["statsu"], "did you mean evmesh status?"),
    (["member"], "member ls"),
    (["member", "lss"], "member ls"),
    (["status", "--watc"], "did you mean --watch?"),
    (["status", "-o", "xml"], "table, json or jsonl"),
    (["status", "--timeout", "5"], "100ms, 5s"),
    (["status", "--timeout", "5s", "--timeout", "6s"], "twice"),
    (["status", "too-many"], "too-many"),
    (["listen"], "--each-node"),
    (["listen", "-k", "nocolon"], "nocolon"),
    (["dispatch"], "TYPE"),
    (["dispatch", "t", "--rate", "-3"], "--rate"),
    (["dispatch", "t", "--count", "0"], "--count"),
    (["dispatch", "t", "--id", "x"], "--id"),
    (["dispatch", "t", "--header", "novalue"], "NAME=VALUE"),
    (["dispatch", "t", "--file", "x", "--count", "2"], "--count"),
    (["explain", "key", "nocolon"], "nocolon"),
    (["completion", "fish"], "completion bash"),
    ([], "--help"),
]


class CliTest(DaemonCase):
    def check_forms(self, daemon, verb, heading, schema):
        with self.subTest(verb=verb, form="table"):
            self.assertTrue(self.run_ok(daemon, *verb).startswith(heading))
        with self.subTest(verb=verb, form="json"):
            self.assertEqual(json.loads(self.run_ok(daemon, *verb, "-o", "json"))["schema"], schema)
        with self.subTest(verb=verb, form="jsonl"):
            for line in self.run_ok(daemon, *verb, "-o", "jsonl").splitlines():
                self.assertIsInstance(json.loads(line), dict)

    def test_mono(self):
        """every verb has every form on a mono node"""
        node = self.start("one")

        for verb in MONO_VERBS:
            self.check_forms(node, *verb)

    def test_mesh(self):
        """every verb has every form in a cluster of two"""
        one, two = self.mesh()

        for verb in MESH_VERBS:
            self.check_forms(one, *verb)
        for form in ("table", "json", "jsonl"):
            out = self.run_ok(two, "member", "ls", "-o", form)
            self.assertIn("one", out)
            self.assertIn("two", out)

    def test_leave_and_forget(self):
        """a member leaves through its own socket, and is not forgotten while it is alive"""
        one, two = self.mesh()

        alive = self.run_cli(one, "member", "forget", "two")
        wrong = self.run_cli(one, "member", "leave", "two")
        left = json.loads(self.run_ok(two, "member", "leave", "two", "-o", "json"))

        self.assertEqual((alive.returncode, wrong.returncode), (65, 65), alive.stderr + wrong.stderr)
        self.assertEqual(left["schema"], "evmesh.done.v1")
        self.assertEqual(two.process.wait(DEADLINE), 0)

    def test_seen(self):
        """a receipt names the nodes that have seen the event"""
        one, two = self.mesh()
        listening = self.listen(two, "-k", "User:bob", "--count", "1", "-o", "json")

        receipt = json.loads(self.run_ok(one, "dispatch", "t", '{"a":1}', "-k", "User:bob", "-o", "json"))
        out, _ = listening.communicate(timeout=DEADLINE)

        self.assertEqual(receipt["interested"], 1)
        self.assertEqual([(peer["name"], peer["seen"]) for peer in receipt["seen"]], [("two", True)])
        item = json.loads(out)["items"][0]
        self.assertEqual((item["type"], item["key"], item["payload"]), ("t", "User:bob", {"a": 1}))
        self.assertEqual(item["origin"]["publisher"], one.ready["id"])

    def listen(self, daemon, *words, stdout=subprocess.PIPE):
        """A running listen that is registered."""
        process = subprocess.Popen([PROGRAM, "listen", *words, "--server", daemon.socket], env=environment(),
                                   cwd=self.place.name, stdout=stdout, stderr=subprocess.PIPE, text=True)
        if process.stdout:
            self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.assertIn("listening", process.stderr.readline())
        return process

    def test_listen_forms(self):
        """listen prints rows, lines or one document, and filters by type"""
        node = self.start("one")
        for form, check in (("table", lambda out: self.assertTrue(out.startswith("TIME"))),
                            ("json", lambda out: self.assertEqual(len(json.loads(out)["items"]), 2)),
                            ("jsonl", lambda out: self.assertEqual(len([json.loads(x) for x in out.splitlines()]), 2))):
            with self.subTest(form=form):
                listening = self.listen(node, "wanted.*", "--each-node", "--count", "2", "-o", form)
                for kind in ("wanted.one", "other", "wanted.two"):
                    self.run_ok(node, "dispatch", kind, "text")

                out, _ = listening.communicate(timeout=DEADLINE)

                self.assertEqual(listening.returncode, 0)
                self.assertIn("wanted.one", out)
                self.assertNotIn("other", out)
                check(out)

    def test_exec(self):
        """--exec gets the event as JSON and in its environment, and its failure is told"""
        node = self.start("one")
        listening = self.listen(node, "-k", "User:bob", "--count", "1", "--exec",
                                "cat > seen.json; echo $EVMESH_EVENT_TYPE $EVMESH_EVENT_KEY; exit 3")

        self.run_ok(node, "dispatch", "t", "-k", "User:bob")
        out, _ = listening.communicate(timeout=DEADLINE)

        self.assertEqual(out, "t User:bob\n")
        self.assertEqual(listening.returncode, 1)
        self.assertEqual(json.loads((pathlib.Path(self.place.name) / "seen.json").read_text())["type"], "t")

    def test_file(self):
        """a file is dispatched line by line, and a bad line is named"""
        node = self.start("one")
        good = '{"type":"a","keys":["User:bob"]}\n\n{"type":"b"}\n'

        receipt = json.loads(self.run_ok(node, "dispatch", "--file", "-", "-o", "json", input=good))
        bad = self.run_cli(node, "dispatch", "--file", "-", input=good + "{oops\n")

        self.assertEqual(receipt["accepted"], 2)
        self.assertEqual(bad.returncode, 65)
        self.assertIn("-:4:", bad.stderr)

    def test_many_requests(self):
        """a receipt speaks of all requests of a file: nodes that only the first events concern are named"""
        one, two = self.mesh()
        self.listen(two, "-k", "User:bob")
        lines = ['{"type":"a","keys":["User:bob"]}'] * 256 + ['{"type":"b"}'] * 100

        for source, text in (("-", "\n".join(lines)), ("events.jsonl", None)):
            (pathlib.Path(self.place.name) / "events.jsonl").write_text("\n".join(lines))
            receipt = json.loads(self.run_ok(one, "dispatch", "--file", source, "-o", "json", "--wait-seen", "30s", input=text))

            self.assertEqual((receipt["accepted"], receipt["interested"]), (356, 1))
            self.assertEqual([(peer["name"], peer["seen"]) for peer in receipt["seen"]], [("two", True)])
        unasked = json.loads(self.run_ok(one, "dispatch", "--file", "events.jsonl", "-o", "json", "--wait-seen", "0"))
        self.assertEqual((unasked["interested"], unasked["seen"]), (1, None))

    def test_loop(self):
        """what listen prints is dispatched to another node as it comes, without waiting for the end"""
        one, two = self.start("one"), self.start("two")
        source = self.listen(one, "-k", "User:bob", "-o", "jsonl")
        copying = subprocess.Popen([PROGRAM, "dispatch", "--file", "-", "--server", two.socket, "-o", "json"],
                                   env=environment(), cwd=self.place.name, stdin=source.stdout, stdout=subprocess.PIPE, text=True)
        self.addCleanup(copying.stdout.close)
        sink = self.listen(two, "-k", "User:bob", "--count", "3", "-o", "jsonl")

        for body in ('{"a": 1}', "text \x01", "-"):
            self.run_ok(one, "dispatch", "t", body, "-k", "User:bob", "--header", "h=1", input="")
        out, _ = sink.communicate(timeout=DEADLINE)
        source.terminate()

        heard = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([(each["type"], each["key"], each["headers"]) for each in heard], [("t", "User:bob", {"h": "1"})] * 3)
        self.assertEqual([each.get("payload", each.get("text")) for each in heard], [{"a": 1}, "text \x01", ""])
        self.assertEqual(copying.wait(DEADLINE), 0)
        self.assertEqual(json.loads(copying.stdout.read())["accepted"], 3)

    def test_lines_of_gaps(self):
        """lines that tell of gaps are left out, and said so"""
        node = self.start("one")

        ran = self.run_cli(node, "dispatch", "--file", "-", input='{"gap":{"reason":"stream_overrun","dropped":2}}\n{"type":"t"}\n')

        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("1 lines told of gaps", ran.stderr)

    def test_large_bodies(self):
        """a body within the limit is taken, however long its JSON form would be"""
        node = self.start("one")
        body = "\x01" * (1 << 20)
        line = '{"type": "t", "text": "' + "\\u0001" * (1 << 20) + '"}\n'

        from_input = self.run_cli(node, "dispatch", "t", "-", input=body)
        from_line = self.run_cli(node, "dispatch", "--file", "-", input=line)
        over = self.run_cli(node, "dispatch", "t", "-", input=body + "x")

        self.assertEqual((from_input.returncode, from_line.returncode), (0, 0), from_input.stderr + from_line.stderr)
        self.assertEqual(over.returncode, 65)
        self.assertIn("1048576", over.stderr)

    def test_interrupted_document(self):
        """listen -o json that is ended by a signal leaves a whole document"""
        node = self.start("one")
        out = pathlib.Path(self.place.name) / "out.json"
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            for count in (0, 2):
                with open(out, "wb") as file:
                    listening = self.listen(node, "-k", "User:bob", "-o", "json", stdout=file)
                eventually(lambda: "items" in out.read_text())
                for _ in range(count):
                    self.run_ok(node, "dispatch", "t", "-k", "User:bob")
                eventually(lambda: out.read_text().count('"type"') == count)

                listening.send_signal(number)

                self.assertEqual(listening.wait(DEADLINE), code)
                self.assertEqual(len(json.loads(out.read_text())["items"]), count)

    def test_wrong_use(self):
        """wrong use ends with 64, names the value and says what is right"""
        for words, wanted in WRONG_USES:
            with self.subTest(words=words):
                ran = self.run_cli(None, *words)

                self.assertEqual(ran.returncode, 64, ran.stderr)
                self.assertIn(wanted, ran.stderr)
                self.assertEqual(ran.stdout, "")

    def test_no_node(self):
        """without a node the end is 69 and says how to start one"""
        gone = self.run_cli(None, "status", "--server", "/tmp/there-is-no.sock")

        self.assertEqual(gone.returncode, 69)
        self.assertIn("evmeshd", gone.stderr)

    def test_finds_the_only_node(self):
        """the only node of a directory is found, two have to be chosen from"""
        self.start("one")
        found = self.run_cli(None, "status", "-o", "json")
        self.start("two")
        several = self.run_cli(None, "status")

        self.assertEqual(json.loads(found.stdout)["node"]["name"], "one")
        self.assertEqual(several.returncode, 64)
        self.assertIn("--server", several.stderr)

    def test_refused_values(self):
        """what the node refuses ends with 65 and its reason"""
        node = self.start("one")
        for words, wanted in ((["member", "show", "nobody"], "nobody"), (["dispatch", "t", "--bus", "nobus"], "nobus"),
                              (["member", "forget", "nobody"], "nobody")):
            with self.subTest(words=words):
                ran = self.run_cli(node, *words)

                self.assertEqual(ran.returncode, 65, ran.stderr)
                self.assertIn(wanted, ran.stderr)

    def test_interrupt(self):
        """Ctrl-C ends listen with 130 at once, SIGTERM with 143, and the node forgets the stream"""
        node = self.start("one")
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            listening = self.listen(node, "-k", "User:bob")
            listening.send_signal(number)
            self.assertEqual(listening.wait(DEADLINE), code)

        eventually(lambda: json.loads(self.run_ok(node, "status", "-o", "json"))["node"]["admin"]["streams_open"] == 0)

    def test_help(self):
        """every verb has two examples"""
        for verb, *_ in MESH_VERBS + [(["listen"],), (["member", "leave"],), (["member", "forget", "x"],)]:
            text = self.run_ok(None, *verb, "--help")
            self.assertEqual(text.split("Examples\n")[1].split("\n\n")[0].count("\n  ") + 1, 2, text)


if __name__ == "__main__":
    main()
