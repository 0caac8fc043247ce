"""The demo behind scripts/demo: usage demo.py SOURCE BUILD show|play|ci.

A ledger keeps what was done to the Maildir and which listeners were there to hear it.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from demo_listener import Listener
from demo_mail import Mail, short
from demo_play import Play
from demo_screen import DemoFailed, paint, say, stamp, wait
from demo_share import Share
from demo_work import Work

SOURCE, BUILD, HOW = sys.argv[1:4]
CI = HOW == "ci"
READING = 0.4  # seconds for a person to read a step

LISTENERS = {
    "a": ["MailboxPath:bob/INBOX"],
    "b": ["User:bob"],
    "c": ["MailboxPath:bob/Archive", "User:alice"],
}


class Demo:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="evmesh-demo-")
        self.nodes = tuple(LISTENERS)
        self.listeners = []  # all there ever were
        self.live = {}  # node: its listener
        self.names = {}  # by node id
        self.gaps = 0  # told to any listener, of any node
        self.unexplained_gaps = 0
        self.cuts = set()
        self.past = {}  # counters of lives that have ended
        self.last = {}
        self.netns = HOW == "play" and os.geteuid() == 0 and self.can_netns()
        self.mail = Mail(self.path("mail"))
        self.maildir = None
        self.silent = False  # of single letters
        self.share = Share(self.directory, self.mail)
        self.work = Work(self.directory, self.program, self.mail, self.done)

    @staticmethod
    def can_netns():
        probe = subprocess.run("ip netns add evmesh-probe && ip netns del evmesh-probe", shell=True, capture_output=True)
        return probe.returncode == 0

    def path(self, name):
        return os.path.join(self.directory, name)

    def program(self, name):
        return os.path.join(BUILD, "peers", name, name)

    def socket(self, node):
        return os.path.join(self.directory, "cluster", node, "admin.sock")

    def cluster(self, *words, flags=()):
        where = ["--dir", self.path("cluster"), "--build", BUILD]
        done = subprocess.run(
            [os.path.join(SOURCE, "scripts/cluster"), *words, *where, *(["--", *flags] if flags else [])],
            capture_output=True, text=True,
        )
        if done.returncode != 0:
            raise DemoFailed(f"scripts/cluster {' '.join(words)}: {done.stderr.strip()}")

    def start(self):
        self.cluster("up", "3", *(["--netns"] if self.netns else []), flags=("-c", self.share.path("sort.conf")))
        stamp("", "nodes a, b and c have met (mode broadcast)")
        log = open(self.path("maildir.log"), "ab")
        self.maildir = subprocess.Popen(
            [self.program("evmesh-maildir"), "--root", self.path("mail/%u/Maildir"), "--socket", self.socket("a"),
             "--state-dir", self.path("maildir-state")], stdout=log, stderr=log)
        # The folders are told before anybody listens, so that what follows is mail only.
        wait("the folders are told", lambda: self.counters("a").get("evmesh_events_dispatched_total", 0) >= 3)
        for node in LISTENERS:
            self.names[self.status(node)["node"]["id"]] = node
            self.listen(node)

    def listen(self, node):
        listener = Listener(self, node, LISTENERS[node])
        self.listeners.append(listener)
        wait(f"node {node} listens", lambda: listener.ready or listener.process.poll() is not None)
        if not listener.ready:
            raise DemoFailed(f"node {node} does not listen: {' '.join(listener.notes)}")
        self.live[node] = listener
        stamp(paint(36, f"node {node}"), "listens to " + " and ".join(listener.keys))

    def status(self, node):
        done = subprocess.run([self.program("evmesh"), "-s", self.socket(node), "status", "-o", "json"],
                              capture_output=True, text=True)
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def evmesh(self, node, *words):
        done = subprocess.run([self.program("evmesh"), "-s", self.socket(node), *words], capture_output=True, text=True)
        if done.returncode != 0:
            raise DemoFailed(f"evmesh {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def group_of(self, node):
        """What all nodes say of the group that they share, as this one hears it."""
        return json.loads(self.evmesh(node, "group", "show", "sort", "-o", "json"))

    def counters(self, node):
        return self.status(node).get("node", {}).get("counters", {})

    def done(self, what, facts, patient=True):
        """Notes who must hear of it, and waits until they have."""
        if not self.silent:
            stamp(paint(32, "mail"), what)
        self.share.note(facts)
        waiting = []
        for kind, place, letter in facts:
            user = place.split("/")[0]
            # A move concerns both folders.
            places = [f"{user}/INBOX", f"{user}/Archive"] if kind == "MessageMoveEvent" else [place]
            if kind == "MailboxRenamed":
                places.append(f"{user}/{letter}")
            keys = [f"User:{user}"] + [f"MailboxPath:{each}" for each in places]
            for listener in self.live.values():
                if listener.wants(keys):
                    listener.expected.append(((kind, place, letter), time.monotonic()))
                    waiting.append(listener)
        if patient:
            wait("all listeners have heard it", lambda: all(not one.missing() or one.gaps for one in waiting))
            if HOW != "ci" and not self.silent:
                time.sleep(READING)

    @contextlib.contextmanager
    def quiet(self):
        self.silent = True
        try:
            yield
        finally:
            self.silent = False

    def kill(self, node):
        """Says when."""
        self.remember(node)
        self.live.pop(node, None)
        with open(self.path(f"cluster/{node}.pid"), encoding="utf-8") as file:
            pid = int(file.read())
        killed = time.time()
        os.kill(pid, signal.SIGKILL)
        stamp(paint(31, f"node {node}"), paint(31, "is killed (kill -9)"))
        return killed

    def revive(self, node):
        self.cluster("restart", node)
        stamp(paint(32, f"node {node}"), "runs again under its old identity")
        self.listen(node)

    def remember(self, node):
        for name, value in self.counters(node).items():
            self.past[name] = self.past.get(name, 0) + value
        self.last.pop(node, None)

    def total(self, name):
        return self.past.get(name, 0) + sum(counters.get(name, 0) for counters in self.last.values())

    def script(self):
        say()
        letters = []
        for user in ("bob", "bob", "alice"):
            letter, facts = self.mail.deliver(user)
            letters.append(letter)
            self.done(f"{short(letter)} is delivered to {user}", facts)
        self.done(f"bob reads {short(letters[0])}", self.mail.flag(letters[0]))
        self.done(f"bob moves {short(letters[0])} to Archive", self.mail.move(letters[0]))
        self.done("bob makes the folder Lists", self.mail.make_folder("bob", "Lists"))
        self.done("bob renames Lists to Old", self.mail.rename_folder("bob", "Lists", "Old"))
        say()
        self.kill("b")
        letter, facts = self.mail.deliver("bob")
        self.done(f"{short(letter)} is delivered to bob; a does not wait for b", facts)
        self.revive("b")
        say()
        self.done(f"bob reads {short(letter)}", self.mail.flag(letter))
        self.done(f"bob deletes {short(letters[0])}", self.mail.expunge(letters[0]))
        self.done(f"alice deletes {short(letters[2])}", self.mail.expunge(letters[2]))
        self.done("bob removes the folder Old", self.mail.remove_folder("bob", "Old"))

    def storm(self):
        """Without pauses between, so that much is on its way at once."""
        letters = []
        for number in range(200):
            letter, facts = self.mail.deliver("bob" if number % 4 else "alice")
            letters.append(letter)
            self.done(f"{short(letter)} is delivered", facts, patient=number % 50 == 49)
        for letter in letters:
            user = self.mail.where[letter][0]
            self.done(f"{user} reads {short(letter)}", self.mail.flag(letter), patient=False)
        self.settle()
        for letter in letters:
            self.done(f"{short(letter)} is deleted", self.mail.expunge(letter), patient=False)
        self.settle()

    def settle(self):
        wait("everything is heard", lambda: all(not one.missing() or one.gaps for one in self.live.values()))

    def verdict(self):
        """(expected, heard, lost, twice) over all listeners; what a gap may cover is not lost."""
        expected = sum(len(one.expected) for one in self.listeners)
        lost = sum(len(one.missing()) for one in self.listeners if not one.gaps)
        return (expected, sum(len(one.heard) for one in self.listeners), lost,
                sum(one.twice() for one in self.listeners))

    def end(self):
        for listener in self.listeners:
            listener.end()
        self.work.end()
        if self.maildir is not None:
            self.maildir.terminate()
            self.maildir.wait()
        if os.path.exists(self.path("cluster/cluster")):
            self.cluster("down")
        shutil.rmtree(self.directory, ignore_errors=True)


def report(demo):
    expected, heard, lost, twice = demo.verdict()
    say()
    say(f"  {expected} notifications were due, {heard} came, {demo.gaps} gaps were told; lost {lost}, twice {twice}")
    good = lost == 0 and twice == 0 and (heard == expected or demo.gaps > 0)
    share = demo.share
    say(f"  {len(share.owed)} letters were owed to the group that a, b and c share; lost {len(share.missing())}, "
        f"run again without a mark {share.unmarked()}")
    good = good and not share.missing() and share.unmarked() == 0 and share.nodes() == set(LISTENERS)
    owed, never, dead, again = demo.work.verdict()
    say(f"  {owed} letters were owed to the index, {demo.work.dead} were dead letters at one time; "
        f"lost {never}, still dead {dead}, indexed twice after a crash {again}")
    good = good and never == 0 and dead == 0 and demo.work.dead >= 3
    if not CI:
        return good
    disordered = sum(one.disordered() for one in demo.listeners)
    say(f"  {disordered} came out of order, {demo.unexplained_gaps} gaps have no reason in what was done")
    return good and heard == expected and disordered == 0 and demo.unexplained_gaps == 0


def goodbye():
    build = os.path.relpath(BUILD)
    say()
    say("  Try next:")
    say("    scripts/demo --play            the same, and you kill and cut nodes")
    say(f"    scripts/cluster up 3 && {build}/peers/evmesh/evmesh -s evmesh-cluster/a/admin.sock status")
    # %u stands for the user: the last part of the home directory is one.
    homes = os.path.dirname(os.path.expanduser("~")).rstrip("/").replace("%", "%%")
    say(f"    {build}/peers/evmesh-maildir/evmesh-maildir --root '{homes}/%u/Maildir' --print")


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    signal.signal(signal.SIGTERM, interrupted)
    if HOW == "play" and not sys.stdin.isatty():
        sys.exit("demo: --play needs a terminal")
    say()
    say("  " + paint(1, "evmesh") + "  three nodes, real mail, no broker")
    say()
    demo = Demo()
    good = False
    try:
        demo.start()
        demo.script()
        if CI:
            demo.storm()
        demo.work.script()
        if CI:
            demo.work.storm()
        demo.work.watch_no_more()
        demo.share.script(demo)
        demo.settle()
        good = report(demo)
        if HOW == "play":
            Play(demo).run()
            good = True
    except KeyboardInterrupt:
        say("\n  stopped")
        sys.exit(130)
    except DemoFailed as failed:
        say(paint(31, f"  demo: {failed}"))
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        demo.end()
    if HOW == "show" and good:
        goodbye()
    sys.exit(0 if good else 1)


main()
