"""Nodes for cluster tests: real processes of peer.cpp on loopback, and the ledgers of what they sent and heard.

Every wait is for a condition and has a deadline far beyond what is expected, because the machine may be busy.
"""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import cases  # noqa: E402

DEADLINE = 90  # seconds; ten times what the slowest expected step takes
peer_program = ""


def main():
    """The first argument is the peer program; the rest is for unittest."""
    global peer_program
    peer_program = os.path.abspath(sys.argv.pop(1))
    cases.main()


class Refused(Exception):
    def __init__(self, answer):
        super().__init__(f"{answer['code']}: {answer['message']}")
        self.code = answer["code"]


class Peer:
    """A process; its nodes are called "self" unless told otherwise."""

    def __init__(self, directory, name, prefix=()):
        self.name = name
        self.log_path = os.path.join(directory, f"{name}.log")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*prefix, peer_program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.answers = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.answers.put(json.loads(line))
        self.answers.put(None)

    def ask(self, verb, **order):
        """The answer; raises Refused when it is an error, and fails when the process has ended."""
        self.process.stdin.write(json.dumps({"do": verb, **order}) + "\n")
        self.process.stdin.flush()
        answer = self.answers.get(timeout=2 * DEADLINE)
        if answer is None:
            raise AssertionError(f"{self.name} ended with {self.process.wait()}: {self.log()[-2000:]}")
        if not answer["ok"]:
            raise Refused(answer)
        return answer

    def open(self, **options):
        """Opens the node "self", or `node`; keeps id, epoch and endpoints of the first as members."""
        answer = self.ask("open", name=options.pop("name", self.name), **options)
        if options.get("node", "self") == "self":
            self.id, self.epoch = answer["id"], answer["epoch"]
            self.listen, self.publish = answer["listen"], answer["publish"]
        return answer

    def status(self, **order):
        return self.ask("status", **order)

    def counter(self, name):
        return self.status()["counters"].get(name, 0)

    def state_of(self, name):
        return self.status()["members"].get(name, {}).get("state")

    def heard(self, listener="l"):
        return self.ask("heard", listener=listener)

    def alive(self):
        return self.process.poll() is None

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def quit(self):
        """Ends politely: nodes stop and tell their peers."""
        self.process.stdin.close()
        code = self.process.wait(timeout=DEADLINE)
        if code != 0:
            raise AssertionError(f"{self.name} ended with {code}: {self.log()[-2000:]}")


def whole_lines(ledger):
    """What somebody is still writing ends where the last whole line does."""
    return (line for line in ledger if line.endswith("\n"))


class MeshCase(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="evmesh-cluster-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.peers = []
        self.addCleanup(self._end_all)

    def _end_all(self):
        for peer in self.peers:
            if peer.alive():
                peer.kill()
            peer.process.stdout.close()
            if not peer.process.stdin.closed:
                try:
                    peer.process.stdin.close()
                except BrokenPipeError:
                    pass

    def path(self, name):
        return os.path.join(self.directory, name)

    def process(self, name, prefix=()):
        peer = Peer(self.directory, name, prefix)
        self.peers.append(peer)
        return peer

    def node(self, name, seeds=(), **options):
        """A process with one node that has a data directory, and dials `seeds` (peers)."""
        peer = self.process(name, options.pop("prefix", ()))
        peer.open(data_dir=self.path(name), seeds=[seed.listen for seed in seeds], **options)
        return peer

    def mesh(self, names, **options):
        """Nodes that are all in touch; the first is the seed of the others."""
        peers = []
        for name in names:
            peers.append(self.node(name, seeds=peers[:1], **options))
        self.wait_in_touch(peers)
        return peers

    def wait(self, what, condition, deadline=DEADLINE, pause=0.02):
        """Until `condition()` is true; gives what it returned."""
        end = time.monotonic() + deadline
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                logs = "".join(f"\n-- {peer.name}: {peer.log()[-1500:]}" for peer in self.peers)
                self.fail(f"after {deadline} s still not: {what}{logs}")
            time.sleep(pause)

    def wait_in_touch(self, peers):
        names = {peer.name for peer in peers}
        for peer in peers:

            def in_touch(peer=peer):
                members = peer.status()["members"]
                return all(
                    name in members
                    and members[name]["state"] == "alive"
                    and (members[name]["self"] or (members[name]["hears_us"] and members[name]["we_hear"]))
                    for name in names
                )

            self.wait(f"{peer.name} is in touch with {sorted(names)}", in_touch)

    def listen(self, peer, keys=("K:1",), listener="l", **options):
        """Registers with a ledger; the answer says from which number on each peer's events come. The inbox has room for a
        whole repair, so that a gap is the stream's and not this listener's, unless the test wants it small."""
        options.setdefault("inbox_bytes", 1 << 28)
        ledger = self.path(f"{peer.name}.{listener}.heard")
        answer = peer.ask("register", listener=listener, keys=list(keys), ledger=ledger, **options)
        self.assertEqual([], answer["missing"])
        return answer

    def load(self, peer, label, keys=("K:1",), **plan):
        peer.ask("start_load", label=label, keys=list(keys), ledger=self.path(f"{label}.sent"), **plan)

    def wait_sent(self, peer, label, count):
        def sent():
            load = peer.ask("load", label=label)
            self.assertEqual("", load["failure"])
            return load["sent"] >= count

        self.wait(f"{peer.name} has sent {count}", sent)

    def stop_load(self, peer, label):
        return peer.ask("load", label=label, stop=True)["sent"]

    def sent(self, label):
        """{number: word}"""
        with open(self.path(f"{label}.sent"), encoding="utf-8") as ledger:
            return {int(seq): word for _, seq, word in (line.split() for line in whole_lines(ledger))}

    def heard_from(self, peer, publisher_id, epoch, listener="l"):
        """What the listener's ledger says of one life: ([(number, word)], [(from, to, reason)])."""
        events, gaps = [], []
        with open(self.path(f"{peer.name}.{listener}.heard"), encoding="utf-8") as ledger:
            for line in whole_lines(ledger):
                what, publisher, life, *rest = line.split()
                if publisher != publisher_id or int(life) != epoch:
                    continue
                if what == "event":
                    events.append((int(rest[0]), rest[1]))
                else:
                    to = float("inf") if rest[1] == "end" else int(rest[1])
                    gaps.append((int(rest[0]), to, rest[2]))
        return events, gaps

    def check_never_silent(self, sent, events, gaps, after=0):
        """In order, nothing twice, nothing else than what was sent, and what is missing is in a gap. Gives how
        many are missing."""
        numbers = [number for number, _ in events]
        self.assertEqual(sorted(set(numbers)), numbers, "out of order or twice")
        for number, word in events:
            # The ledger of a killed publisher may end before its last event.
            self.assertEqual(sent.get(number, word), word)
            self.assertGreater(number, after)
        heard = set(numbers)
        missing = [number for number in sent if number > after and number not in heard]
        silent = [n for n in missing if not any(first <= n <= last for first, last, _ in gaps)]
        self.assertEqual([], silent, f"lost without a gap; gaps: {gaps}")
        return len(missing)

    def check_all(self, sent, events, gaps, after=0):
        self.assertEqual([], gaps)
        self.assertEqual(0, self.check_never_silent(sent, events, gaps, after))

    def wait_heard_up_to(self, peer, publisher, number, listener="l"):
        """Until the listener has been told of everything up to `number`, by events or gaps."""

        def caught_up():
            events, gaps = self.heard_from(peer, publisher.id, publisher.epoch, listener)
            last = max([events[-1][0] if events else 0] + [to for _, to, _ in gaps])
            return last >= number

        self.wait(f"{peer.name} has heard {publisher.name} up to {number}", caught_up, pause=0.2)

    def pause(self, peer):
        peer.signal(signal.SIGSTOP)

    def resume(self, peer):
        peer.signal(signal.SIGCONT)
