"""The demo behind scripts/demo: usage demo.py SOURCE BUILD show|play|ci.

A ledger keeps what was done to the Maildir and which listeners were there to hear it.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
import tty

from demo_mail import Mail, facts_of, short
from demo_screen import DemoFailed, paint, say, screen, stamp, wait
from demo_work import Work

SOURCE, BUILD, HOW = sys.argv[1:4]
CI = HOW == "ci"
READING = 0.4  # seconds for a person to read a step
LATE = 30  # seconds after which --play calls an event lost

LISTENERS = {
    "a": ["MailboxPath:bob/INBOX"],
    "b": ["User:bob"],
    "c": ["MailboxPath:bob/Archive", "User:alice"],
}
WORDS = {"Added": "arrived", "FlagsUpdated": "flagged", "Expunged": "gone", "MessageMoveEvent": "moved",
         "MailboxAdded": "made", "MailboxRenamed": "renamed", "MailboxDeletion": "removed"}


class Listener:
    """`evmesh listen` on one node, from the moment all members know of it until it ends."""

    def __init__(self, demo, node):
        self.node = node
        self.keys = LISTENERS[node]
        self.heard = []  # facts in the order in which they came
        self.expected = []  # (fact, when)
        self.demo = demo
        self.gaps = 0  # of the node that all mail comes from
        self.numbers = {}  # the last number of each publisher's life
        self.out_of_order = 0
        self.ready = False
        words = [demo.program("evmesh"), "-s", demo.socket(node), "listen", "-o", "jsonl"]
        for key in self.keys:
            words += ["-k", key]
        self.notes = []
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)
        self.threads = [threading.Thread(target=each, daemon=True) for each in (self.read, self.read_notes)]
        for thread in self.threads:
            thread.start()

    def read(self):
        for text in self.process.stdout:
            line = json.loads(text)
            if "gap" in line:
                self.tell_gap(line["gap"])
            elif "type" in line:
                self.tell(line)

    def tell_gap(self, gap):
        publisher = self.demo.names.get(gap.get("publisher"), "this listener's stream")
        self.demo.gaps += 1
        if publisher not in ("b", "c"):
            self.gaps += 1
        # A life that was killed ends with a gap, as promised, though nothing may be missing.
        if (publisher, gap["reason"]) != ("b", "life_ended"):
            self.demo.unexplained_gaps += 1
        to = gap.get("to") or "the end"
        stamp(paint(33, f"node {self.node}"),
              paint(33, f"gap: {gap.get('from', '?')} to {to} of {publisher} may be missing ({gap['reason']})"))

    def read_notes(self):
        for text in self.process.stderr:
            self.notes.append(text.strip())
            # It says so when the node knows of the listener and the members have acknowledged it.
            self.ready = self.ready or text.startswith("evmesh: listening")

    def check_order(self, line):
        origin = line.get("origin")
        if origin is None:
            return
        life = (origin["publisher"], origin["epoch"])
        if origin["seq"] <= self.numbers.get(life, 0):
            self.out_of_order += 1
        self.numbers[life] = origin["seq"]

    def tell(self, line):
        self.check_order(line)
        facts = facts_of(line)
        self.heard += facts
        for kind, place, letter in facts:
            key = line.get("key", "")
            stamp(paint(36, f"node {self.node}"), f"hears {key:<24} {WORDS[kind]:<8} {place:<12} {short(letter)}")

    def wants(self, keys):
        return bool(set(keys) & set(self.keys))

    def missing(self):
        heard = set(self.heard)
        return [(fact, when) for fact, when in self.expected if fact not in heard]

    def disordered(self):
        """What came in another order than its publisher gave it, or than it was done to one letter or folder."""
        done = {}
        for (kind, place, letter), _ in self.expected:
            done.setdefault(letter, []).append((kind, place))
        heard = {}
        for kind, place, letter in self.heard:
            heard.setdefault(letter, []).append((kind, place))
        return self.out_of_order + sum(1 for letter, facts in heard.items() if facts != [
            fact for fact in done.get(letter, []) if fact in facts])

    def twice(self):
        return len(self.heard) - len(set(self.heard))

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        for thread in self.threads:
            thread.join(timeout=10)
        self.process.stdout.close()
        self.process.stderr.close()


class Demo:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="evmesh-demo-")
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

    def cluster(self, *words):
        done = subprocess.run(
            [os.path.join(SOURCE, "scripts/cluster"), *words, "--dir", self.path("cluster"), "--build", BUILD],
            capture_output=True, text=True,
        )
        if done.returncode != 0:
            raise DemoFailed(f"scripts/cluster {' '.join(words)}: {done.stderr.strip()}")

    def start(self):
        self.cluster("up", "3", *(["--netns"] if self.netns else []))
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
        listener = Listener(self, node)
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

    def counters(self, node):
        return self.status(node).get("node", {}).get("counters", {})

    def done(self, what, facts, patient=True):
        """Notes who must hear of it, and waits until they have."""
        stamp(paint(32, "mail"), what)
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
            if HOW != "ci":
                time.sleep(READING)

    def kill(self, node):
        self.remember(node)
        self.live.pop(node, None)
        self.cluster("kill", node)
        stamp(paint(31, f"node {node}"), paint(31, "is killed (kill -9)"))

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


class Play:
    """Keys and one line of counts, while mail goes on in a thread of its own."""

    PAIRS = {"1": ("a", "b"), "2": ("b", "c"), "3": ("a", "c")}

    def __init__(self, demo):
        self.demo = demo
        self.stop = threading.Event()
        self.lost_before = 0

    def run(self):
        demo = self.demo
        say()
        say("  a b c  kill or revive that node      " +
            ("1 2 3  cut or heal a-b, b-c, a-c" if demo.netns else "(cutting links needs root)") + "      q  quit")
        say()
        kept = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
        mailing = threading.Thread(target=self.go_on, daemon=True)
        mailing.start()
        try:
            while not self.stop.is_set():
                self.refresh()
                if select.select([sys.stdin], [], [], 0.5)[0]:
                    self.press(sys.stdin.read(1))
        finally:
            self.stop.set()
            mailing.join()
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, kept)
            screen.end_counts()

    def go_on(self):
        demo = self.demo
        letters = []
        while not self.stop.wait(0.7):
            letter, facts = demo.mail.deliver("bob")
            demo.done(f"{short(letter)} is delivered to bob", facts, patient=False)
            letters.append(letter)
            if len(letters) > 3:
                demo.done(f"bob deletes {short(letters[0])}", demo.mail.expunge(letters[0]), patient=False)
                letters.pop(0)

    def press(self, key):
        demo = self.demo
        try:
            if key in LISTENERS and key in demo.live:
                demo.kill(key)
            elif key in LISTENERS:
                demo.revive(key)
            elif key in self.PAIRS and demo.netns:
                pair = self.PAIRS[key]
                demo.cluster("heal" if pair in demo.cuts else "cut", *pair)
                stamp("link", f"{pair[0]}-{pair[1]} is " + ("healed" if pair in demo.cuts else paint(31, "cut")))
                demo.cuts ^= {pair}
            elif key == "q":
                self.stop.set()
        except DemoFailed as failed:
            stamp("", paint(31, str(failed)[:60]))

    def refresh(self):
        demo = self.demo
        for node in list(demo.live):
            demo.last[node] = demo.counters(node) or demo.last.get(node, {})
        now = time.monotonic()
        lost = 0
        # While a node is down or a link is cut, what is missing is on its way: it is late, not lost.
        if len(demo.live) == len(LISTENERS) and not demo.cuts:
            lost = sum(1 for one in demo.live.values() if not one.gaps for _, when in one.missing() if now - when > LATE)
        heard = demo.verdict()[1]
        screen.counts(f"  dispatched {demo.total('evmesh_events_dispatched_total')}   delivered {heard}   "
                      f"repaired {demo.total('evmesh_stream_repaired_total')}   gaps {demo.gaps}   lost {lost}")


def report(demo):
    expected, heard, lost, twice = demo.verdict()
    say()
    say(f"  {expected} notifications were due, {heard} came, {demo.gaps} gaps were told; lost {lost}, twice {twice}")
    good = lost == 0 and twice == 0 and (heard == expected or demo.gaps > 0)
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
