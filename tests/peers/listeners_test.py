#!/usr/bin/python3
"""The listeners that evmeshd takes from its file: they run programs, append, count and log."""

import json
import os
import pathlib
import subprocess
import time

# First: it adds the path of the next.
from daemons import DAEMON, DEADLINE, PROGRAM, DaemonCase, environment, eventually

from cases import main

QUICK_RETRIES = "retry.first = 1ms\nretry.retries = 2\n"


class ListenersTest(DaemonCase):
    def path(self, name):
        return pathlib.Path(self.place.name) / name

    def script(self, name, text):
        """A program of the shell; its directory is the test's."""
        file = self.path(name)
        file.write_text(f"#!/bin/sh\ncd {self.place.name}\n{text}\n")
        file.chmod(0o755)
        return file

    def start_with(self, text, *flags, name="one"):
        self.path(f"{name}.conf").write_text(text)
        return self.start(name, "-c", str(self.path(f"{name}.conf")), *flags)

    def exec(self, name):
        """The section of a group that runs that script."""
        return f"[listener.{name}]\ntype = exec\ngroup = {name}\ncommand = {self.path(name)}\n"

    def lines(self, name):
        file = self.path(name)
        return file.read_text().splitlines() if file.exists() else []

    def log(self, node, message):
        lines = pathlib.Path(node.log.name).read_text().splitlines()
        return [line for line in lines if f" msg={message} " in f"{line} "]

    def counters(self, node):
        return json.loads(self.run_ok(node, "status", "-o", "json"))["node"]["counters"]

    def dispatch(self, node, *words):
        return self.run_ok(node, "dispatch", *words, "--wait-seen", "0")

    def test_exec(self):
        """a program gets the event as listen prints it, with its place in the environment"""
        self.script("take", "cat > input; env | grep ^EVMESH_EVENT_ | sort > environment; mv input done")
        node = self.start_with(self.exec("take"))

        self.dispatch(node, "mail.added", '{"uid": 7}', "--user", "bob", "-k", "User:bob")
        eventually(self.path("done").exists)

        event = json.loads(self.path("done").read_text())
        self.assertEqual((event["type"], event["user"], event["payload"], event["bus"]),
                         ("mail.added", "bob", {"uid": 7}, "events"))
        self.assertEqual(self.lines("environment"), [
            "EVMESH_EVENT_ATTEMPT=1", "EVMESH_EVENT_BUS=events", "EVMESH_EVENT_GROUP=take",
            f"EVMESH_EVENT_ID={event['id']}", "EVMESH_EVENT_KEY=", "EVMESH_EVENT_NODE=one",
            "EVMESH_EVENT_POSSIBLY_DUPLICATE=0", "EVMESH_EVENT_TYPE=mail.added", "EVMESH_EVENT_USER=bob"])

    def test_retries(self):
        """a program that fails is run again, and done when it ends with 0"""
        self.script("third", "echo $EVMESH_EVENT_ATTEMPT >> runs; [ $EVMESH_EVENT_ATTEMPT = 3 ] || exit 75")
        node = self.start_with(self.exec("third") + "retry.first = 1ms\n")

        self.dispatch(node, "t")
        eventually(lambda: len(self.lines("runs")) == 3)
        node.end()

        self.assertEqual(self.lines("runs"), ["1", "2", "3"])
        self.assertEqual(self.log(node, "dead_letter"), [])

    def test_dead_letter(self):
        """a program that goes on failing ends in the dead letters, with what it said as the reason"""
        self.script("fail", "echo run >> runs; echo connecting >&2; echo connection refused >&2; exit 75")
        node = self.start_with(self.exec("fail") + QUICK_RETRIES)

        self.dispatch(node, "t")
        eventually(lambda: self.log(node, "dead_letter"))

        self.assertEqual(len(self.lines("runs")), 3)
        self.assertIn('error="exit 75: connection refused"', self.log(node, "dead_letter")[0])
        self.assertEqual(len(self.log(node, "exec_failed")), 3)

    def test_refused(self):
        """exit 65 is a dead letter at once"""
        self.script("refuse", "echo run >> runs; echo no such user >&2; exit 65")
        node = self.start_with(self.exec("refuse") + QUICK_RETRIES)

        self.dispatch(node, "t")
        eventually(lambda: self.log(node, "dead_letter"))

        self.assertIn('error="exit 65: no such user"', self.log(node, "dead_letter")[0])
        self.assertEqual(self.lines("runs"), ["run"])

    def test_signal(self):
        """a program that a signal ends, and one that is not there, have failed and say so"""
        node = self.start_with(
            f"[listener.q]\ntype = exec\ngroup = q\nshell = kill -KILL $$\n{QUICK_RETRIES}"
            f"[listener.r]\ntype = exec\ngroup = r\ncommand = /absent/program\n{QUICK_RETRIES}")

        self.dispatch(node, "t")
        eventually(lambda: len(self.log(node, "dead_letter")) == 2)

        letters = "\n".join(self.log(node, "dead_letter"))
        self.assertIn("killed by signal 9 (Killed)", letters)
        self.assertIn(r'cannot run \"/absent/program\": No such file or directory', letters)

    def test_timeout(self):
        """at its timeout a program ends with all it has started, and the attempt has failed"""
        self.script("hang", "echo waiting for db >&2; sleep 1000 & echo $! >> members; wait")
        node = self.start_with(self.exec("hang") + "timeout = 500ms\nretry.first = 1ms\nretry.retries = 1\n")

        self.dispatch(node, "t")
        eventually(lambda: self.log(node, "dead_letter"))

        self.assertIn('error="timed out after 500ms: waiting for db"', self.log(node, "dead_letter")[0])
        self.assertEqual(len(self.lines("members")), 2)
        for member in self.lines("members"):
            eventually(lambda: self.state(int(member)) in (None, "Z"))  # a zombie of others
        self.assertEqual(self.children(node), [])

    @staticmethod
    def state(process):
        try:
            return pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return None

    @staticmethod
    def children(node):
        threads = pathlib.Path(f"/proc/{node.process.pid}/task").iterdir()
        return [child for thread in threads for child in (thread / "children").read_text().split()]

    def test_many(self):
        """after many programs the daemon has no more open files and no zombies"""
        self.script("take", "cat > /dev/null; exit 0")
        node = self.start_with(self.exec("take") + "events = t\n[listener.n]\ntype = count\ngroup = n\n")

        def files_after(calls):
            eventually(lambda: self.counters(node)["evmesh_listener_calls_total"] >= calls)
            eventually(lambda: not self.children(node))
            return len(os.listdir(f"/proc/{node.process.pid}/fd"))

        self.dispatch(node, "t", "--count", "20")
        before = files_after(40)

        self.dispatch(node, "t", "--count", "200")
        after = files_after(440)

        self.assertLessEqual(after, before + 2)  # connections of the admin socket come and go

    def test_file(self):
        """a file gets one line for each event whose type fits"""
        node = self.start_with(
            f"[listener.f]\ntype = file\ngroup = f\npath = {self.path('all')}\nevents = mail.*\nevents = u\n")

        for kind in ("mail.added", "other", "u"):
            self.dispatch(node, kind, "text")
        eventually(lambda: len(self.lines("all")) == 2)
        node.end()

        self.assertEqual(sorted(json.loads(line)["type"] for line in self.lines("all")), ["mail.added", "u"])

    def test_count(self):
        """a count stands in status under the listener's name"""
        node = self.start_with("[listener.seen]\ntype = count\ngroup = g\nevents = t\n"
                               "[listener.keyed]\ntype = count\nkey = User:bob\n")

        self.dispatch(node, "t", "--count", "5")
        self.dispatch(node, "other", "-k", "User:bob")

        name = 'evmesh_configured_listener_events_total{{listener="{}"}}'.format
        eventually(lambda: self.counters(node)[name("seen")] == 5)
        eventually(lambda: self.counters(node)[name("keyed")] == 1)

    def test_log(self):
        """a log line names the event and shows nothing of its content"""
        node = self.start_with("[listener.l]\ntype = log\ngroup = g\nlevel = error\n", "--log.level=error")

        self.dispatch(node, "t", "secret", "--user", "bob")
        eventually(lambda: self.log(node, "event"))

        line = self.log(node, "event")[0]
        self.assertIn("level=error msg=event listener=l bus=events event_id=", line)
        self.assertIn("type=t user=bob group=g attempt=1", line)
        self.assertNotIn("secret", line)

    def test_notifications(self):
        """key and each-node listeners hear other nodes; a failed program is logged and not run again"""
        mesh = ["--node.mode=broadcast", "--mesh.listen=tcp://127.0.0.1:0"]
        one = self.start("one", *mesh)
        self.script("fail", "echo $EVMESH_EVENT_KEY >> runs; exit 1")
        two = self.start_with(
            f"[listener.k]\ntype = exec\nkey = User:bob\ncommand = {self.path('fail')}\n"
            f"[listener.e]\ntype = file\neach-node = true\npath = {self.path('all')}\n",
            *mesh, "--mesh.seed", one.ready["work"], name="two")
        self.run_ok(one, "status", "--wait-members", "2", "--timeout", f"{DEADLINE}s")

        self.dispatch(one, "t", "-k", "User:bob")
        self.dispatch(one, "t", "-k", "User:eve")
        eventually(lambda: len(self.lines("all")) == 2 and self.log(two, "exec_failed"))
        two.end()

        self.assertEqual(self.lines("runs"), ["User:bob"])
        self.assertIn("level=warning", self.log(two, "exec_failed")[0])
        self.assertIn('error="exit 1"', self.log(two, "exec_failed")[0])

    def test_stop(self):
        """a polite stop lets a program end by itself; one that goes on is ended, with all it has started"""
        self.script("slow", "echo > slow-runs; sleep 1; echo > slow-done")
        self.script("deaf", "trap '' TERM; echo $$ > deaf-runs; while :; do sleep 0.1; done")
        node = self.start_with(self.exec("slow") + self.exec("deaf"))
        self.dispatch(node, "t")
        eventually(lambda: self.path("slow-runs").exists() and self.lines("deaf-runs"))

        begun = time.monotonic()
        code = node.end()

        self.assertEqual(code, 0)
        self.assertLess(time.monotonic() - begun, 20)  # 12 on a machine that is not busy
        self.assertTrue(self.path("slow-done").exists())
        self.assertIn(self.state(int(self.lines("deaf-runs")[0])), (None, "Z"))

    def test_restart(self):
        """what a program has not done when the node is killed is done by its next life, as the next attempt"""
        self.script("wait", "echo $EVMESH_EVENT_ATTEMPT >> runs; [ -e repaired ] || exit 1")
        text = self.exec("wait") + "retry.first = 1s\nretry.jitter = 0\n"
        node = self.start_with(text)
        for number in range(3):
            self.dispatch(node, "t", str(number))
        eventually(lambda: self.lines("runs").count("1") == 3)

        node.process.kill()
        node.process.wait(DEADLINE)
        node.ready_file.unlink()
        self.path("repaired").touch()
        again = self.start_with(text)
        eventually(lambda: len(self.lines("runs")) >= 6 and self.lines("runs")[-1] != "1")
        again.end()

        self.assertEqual(self.lines("runs"), ["1"] * 3 + ["2"] * 3)
        self.assertEqual(self.log(again, "dead_letter"), [])

    def test_front_line(self):
        """a front-line node runs no group listener; what it owes them runs when a life of it does"""
        text = (f"[listener.f]\ntype = file\ngroup = f\npath = {self.path('all')}\n"
                "[listener.k]\ntype = count\nkey = A:b\n")
        node = self.start_with(text, "--node.execute-group-listeners=false")
        self.dispatch(node, "t", "--count", "3", "-k", "A:b")
        name = 'evmesh_configured_listener_events_total{listener="k"}'
        eventually(lambda: self.counters(node)[name] == 3)  # notifications are heard as ever
        self.assertEqual(node.end(), 0)
        node.ready_file.unlink(missing_ok=True)
        before = self.lines("all")

        self.start_with(text)
        eventually(lambda: len(self.lines("all")) == 3)

        self.assertEqual(before, [])

    def test_closed_streams(self):
        """a daemon that was started without standard streams gives its programs the right ones"""
        self.script("take", "cat > input; echo said >&2; mv input done; exit 65")
        self.path("f.conf").write_text(self.exec("take"))
        log = self.path("f.log")
        process = subprocess.Popen(
            ["/bin/sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh", DAEMON, "--node.data-dir", self.path("d"),
             "-c", self.path("f.conf"), "--ready-file", self.path("ready"), "--log.file", log],
            env=environment())
        self.addCleanup(process.wait, DEADLINE)
        self.addCleanup(process.terminate)
        eventually(self.path("ready").exists)

        subprocess.run([PROGRAM, "dispatch", "t", "text", "--server", self.path("d") / "admin.sock"],
                       env=environment(), check=True, capture_output=True, timeout=DEADLINE)
        eventually(self.path("done").exists)
        eventually(lambda: 'error="exit 65: said"' in log.read_text())

        self.assertEqual(json.loads(self.path("done").read_text())["text"], "text")

    def test_wrong_files(self):
        """a wrong section ends with 78 naming its line, in --check-config too, and nothing starts"""
        for text, wanted in (
                ("[listener.q]\ntype = webhook\ngroup = g\n", 'f.conf:2: listener.q.type: "webhook" is none'),
                ("[listener.q]\ntype = exec\ngroup = g\ncomand = x\n", "f.conf:4: unknown key"),
                ("[listener.q]\ntype = exec\ngroup = g\n", "f.conf:1: [listener.q] lacks command")):
            self.path("f.conf").write_text(text)
            for flags in ([], ["--check-config"]):
                with self.subTest(text=text, flags=flags):
                    ran = self.run_daemon("-c", "f.conf", "--node.data-dir=d", *flags)

                    self.assertEqual(ran.returncode, 78, ran.stderr)
                    self.assertIn(wanted, ran.stderr)
                    self.assertFalse(self.path("d").exists())

    def test_absent_program(self):
        """a program that is not there is warned of, and the daemon takes the configuration"""
        self.path("f.conf").write_text("[listener.q]\ntype = exec\ngroup = g\ncommand = /absent/program\n")

        ran = self.run_daemon("-c", "f.conf", "--node.data-dir=d", "--check-config")

        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn('warning: f.conf:1: [listener.q]: program "/absent/program"', ran.stderr)


if __name__ == "__main__":
    main()
