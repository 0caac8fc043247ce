#!/usr/bin/python3
"""Every verb of evmesh in every form, and what it says when it is used wrongly."""

import json
import pathlib
import re
import signal
import subprocess

from daemons import DEADLINE, PROGRAM, DaemonCase, environment, eventually  # first: it adds the path of the next

from cases import main

# By verb as --help lists it: its words, the heading of its first table, and the schema of its document. The first entry is for
# any node, the second for a cluster.
FORMS = {
    "dispatch": (["t", '{"order":7}', "-k", "User:bob", "--count", "3"], "ACCEPTED", "evmesh.receipt.v1"),
    "status": ([], "FIELD", "evmesh.status.v1"),
    "member ls": ([], "MEMBER", "evmesh.members.v1"),
    "key ls": ([], "KEY", "evmesh.keys.v1"),
    "group ls": ([], "GROUP", "evmesh.groups.v1"),
    "dead-letter ls": ([], "ID", "evmesh.dead_letters.v1"),
    "dead-letter redeliver": (["--all"], "ID", "evmesh.task.v1"),
    "dead-letter rm": (["--all", "--yes"], "REMOVED", "evmesh.count.v1"),
    "dead-letter export": ([], "", "evmesh.dead_letters.v1"),
    "dead-letter import": (["/dev/null"], "READ", "evmesh.imported.v1"),
    "task ls": ([], "ID", "evmesh.tasks.v1"),
    "event show": (["019aab12-0000-7000-8000-000000000001"], "GROUP", "evmesh.event_life.v1"),
    "explain key": (["User:bob"], "FACT", "evmesh.key.v1"),
    "version": ([], "PROGRAM", "evmesh.versions.v1"),
    "completion": (["bash"], "# bash completion", "evmesh.completion.v1"),
}
CLUSTER_FORMS = {"member show": (["two"], "FIELD", "evmesh.member.v1")}
OWN_TESTS = {"journal check": "test_journal_check", "listen": "test_listen_forms", "member leave": "test_leave",
             "member forget": "test_forget", "group show": "test_group_forms", "group pause": "test_group_forms", "group resume": "test_group_forms",
             "group rm": "test_group_forms", "dead-letter show": "test_letter_forms", "task show": "test_letter_forms",
             "task wait": "test_letter_forms", "task cancel": "test_letter_forms"}
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
    (["completion", "tcsh"], "completion bash, zsh or fish"),
    (["journal"], "journal check"),
    (["journal", "check"], "DIR"),
    (["journal", "check", "/dev/null/none"], "is no directory"),
    (["dispatch", "t", "--wait", "seen"], "accepted or done"),
    (["group", "pause"], "group pause GROUP"),
    (["dead-letter", "redeliver"], "--all"),
    (["dead-letter", "redeliver", "--all", "-g", "x"], "--all"),
    (["dead-letter", "rm"], "--all"),
    (["dead-letter", "ls", "--since", "yesterday"], "2h"),
    (["dead-letter", "ls", "--limit", "1001"], "1 to 1000"),
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

    def verbs(self):
        """All verbs that --help lists."""
        listed = self.run_ok(None, "--help").split("\nVerbs\n")[1].split("\n\n")[0]
        return [re.match(r"  ([a-z-]+(?: [a-z]+(?= |$))?)", line).group(1) for line in listed.splitlines()]

    def test_forms(self):
        """every verb that --help lists has every form, on a mono node and in a cluster"""
        mono, (one, _) = self.start("mono"), self.mesh()
        verbs = self.verbs()

        self.assertEqual(sorted(verbs), sorted([*FORMS, *CLUSTER_FORMS, *OWN_TESTS]))
        for name in verbs:
            for node, forms in ((mono, FORMS), (one, {**FORMS, **CLUSTER_FORMS})):
                if name in forms:
                    words, heading, schema = forms[name]
                    self.check_forms(node, name.split() + words, heading, schema)
        for name in OWN_TESTS.values():
            self.assertTrue(hasattr(self, name), name)

    def start_with_group(self, name):
        """A node that runs the group `counted`."""
        conf = pathlib.Path(self.place.name) / f"{name}.conf"
        conf.write_text("[listener.counted]\ntype = count\ngroup = counted\n")
        return self.start(name, "-c", str(conf))

    def test_group_forms(self):
        """a group is shown, paused, resumed and removed in every form"""
        node = self.start_with_group("one")
        for verb, state in ((["group", "pause", "counted", "--reason", "night"], "paused: night"),
                            (["group", "show", "counted"], "paused: night"), (["group", "resume", "counted"], "ok")):
            self.check_forms(node, verb, "GROUP", "evmesh.group.v1")
            self.assertIn(state, self.run_ok(node, *verb))
        for wrong in (["rm", "counted"], ["show", "other"]):
            self.assertEqual(self.run_cli(node, "group", *wrong).returncode, 65)

        for form, schema in (("table", None), ("json", "evmesh.group_removed.v1"), ("jsonl", "evmesh.group_removed.v1")):
            with self.subTest(form=form):
                self.start_with_group(form).end()
                later = self.start(form)
                out = self.run_ok(later, "group", "rm", "counted", "-o", form)
                if schema:
                    self.assertEqual(json.loads(out)["schema"], schema)
                else:
                    self.assertEqual(out.split()[:3], ["GROUP", "BUS", "CANCELLED"])
                self.assertEqual(json.loads(self.run_ok(later, "group", "ls", "-o", "json"))["items"], [])

    def test_letter_forms(self):
        """a dead letter and a task are shown in every form; what is unknown is said to be"""
        node = self.start("one")
        line = '{"bus":"events","group":"gone","event":{"type":"t","payload":{"a":1}}}'
        self.run_ok(node, "dead-letter", "import", "-", input=line)
        letter = json.loads(self.run_ok(node, "dead-letter", "ls", "-o", "jsonl"))["id"]
        self.check_forms(node, ["dead-letter", "show", letter], "FIELD", "evmesh.dead_letter.v1")

        # Nobody requires the group, so the task fails.
        failed = self.run_cli(node, "dead-letter", "redeliver", letter, "--wait", "-o", "json")
        self.assertEqual(failed.returncode, 1, failed.stderr)
        task = json.loads(failed.stdout)
        self.assertEqual((task["state"], task["failed"]), ("failed", 1))
        for verb in ("show", "cancel"):
            self.check_forms(node, ["task", verb, task["id"]], "ID", "evmesh.task.v1")
        self.assertEqual(self.run_cli(node, "task", "wait", task["id"]).returncode, 1)
        dry = self.run_ok(node, "dead-letter", "redeliver", "--all", "--dry-run", "-o", "json")
        self.check_forms(node, ["task", "wait", json.loads(dry)["id"]], "ID", "evmesh.task.v1")
        for words in (["dead-letter", "show", task["id"]], ["dead-letter", "rm", task["id"], "--yes"],
                      ["task", "show", letter], ["task", "wait", letter], ["task", "cancel", letter]):
            self.assertEqual(self.run_cli(node, *words).returncode, 65, words)

    def check_done(self, out, form, member):
        if form == "table":
            self.assertEqual(out.split()[:3], ["MEMBER", "DONE", member])
        else:
            self.assertEqual((json.loads(out)["schema"], json.loads(out)["member"]), ("evmesh.done.v1", member))

    def test_leave(self):
        """a member leaves through its own socket only, in every form"""
        for form in ("table", "json", "jsonl"):
            node = self.start(form)

            wrong = self.run_cli(node, "member", "leave", "other", "-o", form)
            out = self.run_ok(node, "member", "leave", form, "-o", form)

            self.assertEqual(wrong.returncode, 65, wrong.stderr)
            self.check_done(out, form, form)
            self.assertEqual(node.process.wait(DEADLINE), 0)

    def member(self, daemon, name):
        members = json.loads(self.run_ok(daemon, "member", "ls", "-o", "json"))["items"]
        return next((each for each in members if each["name"] == name), None)

    def kill(self, seen_by, daemon, name):
        daemon.process.kill()
        daemon.process.wait(DEADLINE)
        daemon.ready_file.unlink()
        eventually(lambda: self.member(seen_by, name)["state"] == "dead")

    def test_forget(self):
        """a member that is dead is forgotten, in every form, and may not come back; one that is alive is not forgotten"""
        one = self.start("one", "--node.mode=broadcast", "--mesh.listen=tcp://127.0.0.1:0")
        for form in ("table", "json", "jsonl"):
            flags = ["--node.mode=broadcast", "--mesh.listen=tcp://127.0.0.1:0", "--mesh.seed", one.ready["work"]]
            peer = self.start(form, *flags)
            eventually(lambda: (self.member(one, form) or {}).get("state") == "alive")
            alive = self.run_cli(one, "member", "forget", form, "-o", form)
            self.kill(one, peer, form)

            out = self.run_ok(one, "member", "forget", form, "-o", form)
            again = self.run_daemon("--node.data-dir", str(peer.directory), "--node.name", form, *flags)

            self.assertEqual(alive.returncode, 65, alive.stderr)
            self.check_done(out, form, form)
            self.assertIsNone(self.member(one, form))
            self.assertEqual(again.returncode, 65, again.stderr)

    def test_journal_check(self):
        """the directory of a stopped node is checked, in every form; a running node's is not, and damage is told"""
        node = self.start("one")
        running = self.run_cli(None, "journal", "check", str(node.directory))
        node.end()

        for form, begins in (("table", "FIELD"), ("json", '{"schema":"evmesh.journal_check.v1"'), ("jsonl", '{"schema"')):
            self.assertTrue(self.run_ok(None, "journal", "check", str(node.directory), "-o", form).startswith(begins))
        (node.directory / "identity").write_text("evmesh-identity 1\n")
        damaged = self.run_cli(None, "journal", "check", str(node.directory))
        elsewhere = self.run_cli(None, "journal", "check", self.place.name)

        self.assertEqual(running.returncode, 73, running.stderr)
        self.assertIn(f"in use by process {node.process.pid}; stop that node first", running.stderr)
        self.assertEqual(damaged.returncode, 65, damaged.stderr)
        self.assertIn("identity is damaged; move it away", damaged.stdout)
        self.assertEqual(elsewhere.returncode, 65, elsewhere.stderr)
        self.assertIn("holds nothing of a node", elsewhere.stderr)

    def test_watch(self):
        """--watch shows picture after picture, and goes on through a restart of the node"""
        node = self.start("one")
        watching = subprocess.Popen([PROGRAM, "status", "--watch", "-o", "jsonl", "--server", node.socket], env=environment(),
                                    cwd=self.place.name, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(watching.stdout.close)
        self.addCleanup(watching.wait)
        self.addCleanup(watching.kill)

        def until(wanted):
            while not wanted(picture := json.loads(watching.stdout.readline())):
                pass
            return picture

        first, second = until(lambda _: True), until(lambda _: True)
        node.end()
        away = until(lambda picture: picture["node"] is None)
        self.start("one")
        back = until(lambda picture: picture["node"] is not None)

        self.assertEqual([picture["node"]["name"] for picture in (first, second, back)], ["one"] * 3)
        self.assertIn("no node answers", away["no_answer"])
        self.assertIsNone(watching.poll())

    def test_wait_ready(self):
        """--wait-ready waits for a node that starts, and for one whose member is away; a stopped member is no fault"""
        directory = pathlib.Path(self.place.name)
        early = subprocess.Popen([PROGRAM, "status", "--wait-ready", "--timeout", f"{DEADLINE}s", "--server", str(directory / "one/admin.sock")],
                                 env=environment(), stdout=subprocess.DEVNULL)
        one, two = self.mesh()
        self.assertEqual(early.wait(DEADLINE), 0)
        self.kill(one, two, "two")

        late = self.run_cli(one, "status", "--wait-ready", "--timeout", "200ms")
        back = self.start("two", "--node.mode=broadcast", "--mesh.listen=tcp://127.0.0.1:0", "--mesh.seed", one.ready["work"])
        ready = self.run_cli(one, "status", "--wait-ready", "--timeout", f"{DEADLINE}s")
        back.end()
        eventually(lambda: self.member(one, "two")["state"] == "dead")
        stopped = json.loads(self.run_ok(one, "status", "-o", "json"))["health"]["status"]

        self.assertEqual(late.returncode, 75, late.stderr)
        self.assertIn("degraded", late.stderr)
        self.assertEqual(ready.returncode, 0, ready.stderr)
        self.assertEqual(stopped, "healthy")

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

    def test_table_text(self):
        """the table of listen shows quotes as they are, and control characters escaped"""
        node = self.start("one")
        listening = self.listen(node, "-k", "User:bob", "--count", "1")

        self.run_ok(node, "dispatch", "t", 'he said "a\\b"\x1b[1m', "-k", "User:bob")
        out, _ = listening.communicate(timeout=DEADLINE)

        self.assertIn('he said "a\\b"\\x1b[1m\n', out)

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

        listening = self.listen(node, "-k", "User:bob", "--count", "1", "-o", "jsonl")
        wrapped = '{"event":{"type":"c","text":"x"},"keys":["User:bob"]}\n'  # as evmesh-maildir --print writes it
        self.run_ok(node, "dispatch", "--file", "-", input=wrapped)
        out, _ = listening.communicate(timeout=DEADLINE)

        self.assertEqual(json.loads(out)["type"], "c")
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

    def test_servers(self):
        """a bare file name is a socket, an address of another kind is wrong use"""
        self.start("one")

        bare = subprocess.run([PROGRAM, "status", "-s", "admin.sock"], cwd=f"{self.place.name}/one", env=environment(), capture_output=True)
        ftp = self.run_cli(None, "status", "-s", "ftp://x")

        self.assertEqual(bare.returncode, 0, bare.stderr)
        self.assertEqual(ftp.returncode, 64, ftp.stderr)

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
        for verb in self.verbs():
            text = self.run_ok(None, *verb.split(), "--help")
            self.assertEqual(text.split("Examples\n")[1].split("\n\n")[0].count("\n  ") + 1, 2, text)


if __name__ == "__main__":
    main()
