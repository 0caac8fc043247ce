#!/usr/bin/python3
"""Nodes of one mesh under load that are killed, stopped, paused and cut off: usage scripts/chaos; see its --help.

The ledgers that the nodes write say what became of every event that was accepted. Ends with one JSON line.
"""

import argparse
import collections
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import verdict
from networks import Networks, Unavailable
from timeline import Timeline
from verdict import Kill, Ledgers, Verdict

GROUPS = ("g0", "g1")
RUNS = {"same": ["g0,g1"], "unequal": ["g0,g1", "g0", "g1", "none", "g0,g1"]}  # node by node, over and over
LIFE_NUMBERS, NODE_NUMBERS = 10**7, 10**11  # events of a life, of a node
TAKEOVER_MAX_MS = 5_000
OPENING_MAX = 30  # seconds


def now_us():
    """The clock of the ledgers."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def free_ports(count):
    """Ports of this machine with a free one above, out of reach of those the system gives by itself."""
    ports, port = [], 20_000 + os.getpid() * 16 % 10_000
    while len(ports) < count:
        port += 2
        try:
            for each in (port, port + 1):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", each))
            ports.append(port)
        except OSError:
            pass
    return ports


class Broken(Exception):
    """The run cannot go on; the text says why."""


class Node:
    """A member of the mesh, life after life."""

    def __init__(self, run, index, name, listen, prefix):
        self.run, self.index, self.name, self.listen, self.prefix = run, index, name, listen, prefix
        self.directory = os.path.join(run.place, name)
        self.log = os.path.join(run.place, f"{name}.log")
        self.life, self.process, self.kill, self.meant = 0, None, None, False
        self.dumps = 0
        runs = RUNS[run.options.groups]
        self.runs = runs[index % len(runs)]

    def start(self, **plan):
        self.life += 1
        self.meant, self.dumps = False, 0
        plan = {**self.run.load, "from": (self.index + 1) * NODE_NUMBERS + self.life * LIFE_NUMBERS, **plan,
                "directory": self.directory, "ledger": f"{self.directory}.ledger", "life": self.life,
                "level": self.run.options.level, "listen": self.listen, "runs": self.runs,
                "seed": ",".join(other.listen for other in self.run.nodes.values() if other is not self)}
        words = [f"{name}={value}" for name, value in plan.items()]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.prefix, self.run.worker, *words], stdin=subprocess.PIPE,
                                            stdout=log, stderr=log)
        if self.kill is not None:
            self.kill.back = now_us()
            self.kill = None

    def running(self):
        return self.process is not None and self.process.poll() is None

    def said(self, what):
        return self.run.ledgers.has_said(self.name, self.life, what)

    def tell(self, order):
        try:
            self.process.stdin.write(order.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def end(self, number):
        self.meant = True
        if self.running():
            self.process.send_signal(number)

    def wait(self, seconds):
        """The code; nothing when it has not ended in time."""
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None

    def dump(self):
        """Asks once more for its dead letters when the last list has come."""
        if len(self.said("dumped")) == self.dumps:
            self.dumps += 1
            self.tell("dump")


class Run:
    def __init__(self, options, worker, evmesh):
        self.options, self.worker, self.evmesh = options, worker, evmesh
        memory = options.dir or ("/dev/shm" if os.path.isdir("/dev/shm") else None)
        self.place = tempfile.mkdtemp(prefix="evmesh-chaos-", dir=memory)
        self.names = "abcde"[:options.nodes]
        self.load = {"count": LIFE_NUMBERS - 1, "threads": 2, "groups": len(GROUPS), "rate": options.rate,
                     "work_us": 3_000, "long_every": 97, "fail_every": 11, "refuse_every": 501, "mesh": 1,
                     "asynchronous": 1, "stamps": 1, "all_groups": 1, "concurrency": 20}
        self.ledgers, self.kills, self.intervals, self.broken = Ledgers(), [], [], []
        self.done = collections.Counter()
        self.networks = None
        self.nodes = {}

    def begin(self):
        if self.options.cuts:
            self.networks = Networks(self.names)
        endpoints = [f"tcp://127.0.0.1:{port}" for port in free_ports(len(self.names))]
        for index, name in enumerate(self.names):
            prefix, listen = (), endpoints[index]
            if self.networks:
                prefix, listen = self.networks.inside(name), f"tcp://{self.networks.address(name)}:7520"
            self.nodes[name] = Node(self, index, name, listen, prefix)
            self.ledgers.add(name, os.path.join(self.place, f"{name}.ledger"))
        for node in self.nodes.values():
            node.start()
        self.wait("all nodes are open", lambda: all(node.said("open") for node in self.nodes.values()), OPENING_MAX)

    def wait(self, what, condition, seconds):
        """Until `condition()`; an ended node is told of at once."""
        end = time.monotonic() + seconds
        while True:
            self.ledgers.read()
            if condition():
                return
            for node in self.nodes.values():
                if not node.running() and not node.meant:
                    raise Broken(self.why_ended(node))
            if time.monotonic() > end:
                raise Broken(f"after {seconds} s still not: {what}")
            time.sleep(0.05)

    def why_ended(self, node):
        self.ledgers.read()
        told = [" ".join(words) for what in ("closed", "fatal") for words in node.said(what)]
        with open(node.log, "rb") as log:
            told.append(log.read().decode(errors="replace")[-500:])
        return f"node {node.name}, life {node.life}, ended by itself with {node.process.poll()}: {'; '.join(told)}"

    # Faults.

    def go_through(self, timeline):
        """Begins and ends all faults when they are due."""
        events = [(fault.begin, self.begin_fault, fault) for fault in timeline.faults]
        events += [(fault.end, self.end_fault, fault) for fault in timeline.faults]
        events.sort(key=lambda event: event[0])
        start = time.monotonic()
        for at, change, fault in [*events, (timeline.seconds, None, None)]:
            while (left := start + at - time.monotonic()) > 0:
                time.sleep(min(left, 0.5))  # the instant is what is tested
                self.look_after()
            if change:
                change(fault)

    def look_after(self):
        """Whatever ended by itself is a broken promise; it is started again so that the rest can be seen."""
        self.ledgers.read()
        for node in self.nodes.values():
            if not node.running() and not node.meant:
                self.broken.append(self.why_ended(node))
                node.start()
            for words in node.said("fatal"):
                text = f"node {node.name}, life {node.life}: {' '.join(words)}"
                if text not in self.broken:
                    self.broken.append(text)

    def begin_fault(self, fault):
        self.intervals.append([now_us(), now_us(), fault])
        nodes = [self.nodes[name] for name in fault.nodes]
        if fault.kind == "cut":
            for at, source in fault.drops:
                self.networks.drop(at, source)
        elif fault.kind == "pause":
            nodes[0].process.send_signal(signal.SIGSTOP)
        elif fault.kind == "stop":
            nodes[0].end(signal.SIGTERM)
        else:
            for node in nodes:
                node.end(signal.SIGKILL)
            for node in nodes:
                node.wait(OPENING_MAX)
                # What was taken for killed has ended before that.
                node.kill = Kill(node.name, node.life, now_us(), 0, fault.alone and fault.kind == "kill")
                self.kills.append(node.kill)
            if fault.kind == "wipe" or self.options.plant == "lost":
                shutil.rmtree(nodes[0].directory)
        self.done[fault.kind] += 1

    def end_fault(self, fault):
        nodes = [self.nodes[name] for name in fault.nodes]
        if fault.kind == "cut":
            for at, source in fault.drops:
                self.networks.let_pass(at, source)
        elif fault.kind == "pause":
            nodes[0].process.send_signal(signal.SIGCONT)
        else:
            if fault.kind == "stop" and nodes[0].wait(OPENING_MAX) != 0:
                self.broken.append(f"node {nodes[0].name}, life {nodes[0].life} did not stop politely: "
                                   f"{nodes[0].process.poll()}")
                nodes[0].process.kill()
                nodes[0].process.wait()
            for node in nodes:
                node.start()
        next(each for each in self.intervals if each[2] is fault)[1] = now_us()

    # The end.

    def settle(self):
        """Nothing more is dispatched; until all that was accepted is over, or the patience is."""
        nodes = self.nodes.values()
        self.wait("all nodes are open", lambda: all(node.said("open") for node in nodes), OPENING_MAX)
        for node in nodes:
            node.tell("halt")
        self.wait("no node dispatches", lambda: all(node.said("sent") for node in nodes), OPENING_MAX)
        end = time.monotonic() + self.options.patience
        while time.monotonic() < end and self.ledgers.open_places(GROUPS):
            for node in nodes:
                node.dump()
            time.sleep(0.2)
            self.look_after()
            self.ledgers.read()
        for node in nodes:
            node.meant = True
            node.tell("quit")
        for node in nodes:
            if (code := node.wait(60)) != 0:
                self.broken.append(f"node {node.name} did not stop politely at the end: {code}")
        self.ledgers.read()

    def owed(self):
        """What the files of the nodes say is still owed, as (group, number)."""
        places = set()
        for node in self.nodes.values():
            path = f"{node.directory}.owed"
            ran = subprocess.run([self.evmesh, "journal", "check", node.directory, "--export", path], text=True,
                                 capture_output=True, timeout=120, check=False)
            if ran.returncode != 0:
                self.broken.append(f"journal check of node {node.name}: {ran.stdout}{ran.stderr}")
                continue
            with open(path, encoding="utf-8") as file:
                for line in map(json.loads, file):
                    places.add((line["group"], int(line["event"]["text"].split()[0])))
        return places

    def clean_up(self, keep):
        for node in self.nodes.values():
            if node.running():
                node.process.kill()
                node.process.wait()
        if self.networks:
            self.networks.remove()
        if not keep:
            shutil.rmtree(self.place, ignore_errors=True)


def judge(run, timeline):
    """(figures, whether all promises were kept); prints the report."""
    faults = [(begin, end) for begin, end, _ in run.intervals]
    result = Verdict(run.ledgers, GROUPS, run.owed(), faults, run.kills, run.options.level == "replicated")
    figures = result.figures()
    broken = list(run.broken)
    broken += verdict.too_little(figures, run.done, {"kill": timeline.kills_wanted, "cut": timeline.cuts_wanted},
                                 timeline.seconds, run.options.level == "replicated")
    if (figures["takeover_p99_ms"] or 0) > TAKEOVER_MAX_MS:
        broken.append(f"takeover p99 {figures['takeover_p99_ms']} ms, at most {TAKEOVER_MAX_MS} allowed")
    details = [("lost", result.lost), ("stuck", result.stuck), ("unexplained", result.unexplained),
               ("broken", broken)]
    report(run, figures, result, details)
    return figures, not any(texts for _, texts in details)


def report(run, figures, result, details):
    done, ledgers = run.done, run.ledgers
    promised = figures["receipts"] * len(GROUPS)
    print(f"faults: {len(run.kills)} kill -9 ({done['wipe']} disks thrown away), {done['stop']} polite stops, "
          f"{done['pause']} pauses, {done['cut']} partitions")
    print(f"accepted: {figures['receipts']} events, {len(ledgers.unknown)} unknown, {len(ledgers.refused)} refused; "
          f"{sum(each.degraded for each in ledgers.receipts.values())} degraded")
    print(f"owed to {len(GROUPS)} groups: {promised} = {figures['executed']} executed + {figures['dead']} dead + "
          f"{figures['lost']} lost + {figures['stuck']} stuck; {figures['duplicates']} ran twice or more")
    taken = sorted(result.takeovers)
    told = "none measured" if not taken else ", ".join(
        f"{name} {verdict.percentile(taken, share) / 1000:.0f} ms" for name, share in
        (("median", 0.5), ("p90", 0.9), ("p99", 0.99), ("longest", 1.0)))
    alone = sum(kill.alone for kill in run.kills)
    print(f"takeover of {len(taken)} works after {alone} kills that stood alone: {told}")
    for what, texts in details:
        for text in texts[:10]:
            where = ""
            if isinstance(text, tuple):
                where = f" {vars_of(ledgers.receipts[text[1]])} {ledgers.runs.get(text, '')}"
            print(f"{what.upper()}: {text}{where}")
        if len(texts) > 10:
            print(f"{what.upper()}: and {len(texts) - 10} more")


def vars_of(receipt):
    return f"accepted by {receipt.node}/{receipt.life} at {receipt.time / 1e6:.3f}"


def read_options(arguments):
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="how long things happen (60); the end takes longer")
    parser.add_argument("--seed", type=int, default=20261122, help="chooses what happens and when; the same again "
                        "with the same seed, but for the nodes' own chances")
    parser.add_argument("--nodes", type=int, default=4, choices=(3, 4, 5))
    parser.add_argument("--level", choices=("disk", "replicated"), default="disk",
                        help="disk: disks are kept (default); replicated: some are thrown away")
    parser.add_argument("--groups", choices=tuple(RUNS), default="same",
                        help="same: every node runs both groups (default); unequal: some run one or none")
    parser.add_argument("--rate", type=int, default=300, help="events a second of each node (300)")
    parser.add_argument("--patience", type=float, default=90, help="seconds for what is left at the end (90)")
    parser.add_argument("--no-cuts", dest="cuts", action="store_false", help="no partitions, no need of root")
    parser.add_argument("--dir", help="where the nodes' directories are made (default: in memory)")
    parser.add_argument("--keep", action="store_true", help="keep them; they are kept when a promise broke")
    parser.add_argument("--plant", choices=("lost",), help="lost: throw away the disk of each killed node at any "
                        "level, to see that it is found")
    options = parser.parse_args(arguments)
    if options.seconds < 5:
        parser.error(f"--seconds {options.seconds:g}: at least 5")
    return options


def live(run):
    """The figures, and whether all promises were kept."""
    timeline = Timeline(run.options.seed, run.options.seconds, run.names, cuts=run.options.cuts,
                        wipes=run.options.level == "replicated")
    started = time.monotonic()
    for what, step in (("all nodes are open", run.begin), ("all faults are over", lambda: run.go_through(timeline)),
                       ("all nodes have ended", run.settle)):
        step()
        print(f"chaos: {what} after {time.monotonic() - started:.1f} s, {len(run.ledgers.receipts)} receipts",
              flush=True)
    return judge(run, timeline)


def main(worker, evmesh, *arguments):
    options = read_options(arguments)
    if options.cuts:
        try:
            Networks("x").remove()
        except Unavailable as why:
            if os.environ.get("EVMESH_NO_SKIP") == "1":
                sys.exit(f"chaos: partitions may not be skipped: {why}")
            print(f"chaos: SKIPPED all partitions: {why}", flush=True)
            options.cuts = False
    run = Run(options, os.path.abspath(worker), os.path.abspath(evmesh))
    print(f"chaos: {options.nodes} nodes, level {options.level}, {options.seconds:g} s, --seed {options.seed}, "
          f"in {run.place}", flush=True)
    kept = False
    try:
        figures, kept = live(run)
    except Broken as why:
        run.clean_up(keep=True)
        sys.exit(f"chaos: {why}; all is left in {run.place}")
    finally:
        run.clean_up(options.keep or not kept)
    if not kept:
        print(f"chaos: a promise broke; all is left in {run.place}")
    print(json.dumps(figures), flush=True)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
