"""Lives of one node with durable group work: processes of worker.cpp, and the ledger of what they were told.

Every wait is for a condition and has a deadline far beyond what is expected, because the machine may be busy.
"""

import collections
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import cases  # noqa: E402

# Seconds; ten times what the slowest expected step takes.
DEADLINE = int(os.environ.get("EVMESH_DURABLE_DEADLINE", "90"))
programs = {}


def main():
    """The first two arguments are the worker and evmesh; the rest is for unittest."""
    programs["worker"] = os.path.abspath(sys.argv.pop(1))
    programs["evmesh"] = os.path.abspath(sys.argv.pop(1))
    cases.main()


def in_memory(prefix):
    """A directory where a sync costs nothing: what a killed process wrote survives there as on a disk."""
    return tempfile.mkdtemp(prefix=prefix, dir="/dev/shm" if os.path.isdir("/dev/shm") else None)


def lives(process):
    """Whether it, or one of its threads, is not dead yet."""
    for status in glob.glob(f"/proc/{process}/task/*/stat"):
        try:
            with open(status, encoding="utf-8", errors="replace") as file:
                state = file.read().rpartition(") ")[2][:1]
        except OSError:  # a thread that is gone
            continue
        if state not in ("Z", "X", ""):
            return True
    return False


class Run:
    """One call of a listener."""

    def __init__(self, life, node, attempt, maybe):
        self.life, self.node, self.attempt, self.maybe = life, node, attempt, maybe
        self.end = None  # ok, fail, refuse; nothing when the process ended first

    def __repr__(self):
        return f"life {self.life} attempt {self.attempt}{' maybe' if self.maybe else ''} {self.end}"


class Ledger:
    """What the lives of one directory wrote, in the order in which they wrote it."""

    def __init__(self, path):
        self.path = path
        self.at = 0
        self.rest = b""
        self.receipts = {}  # number of an event -> dispatch id
        self.degraded = set()  # numbers of those that say so
        self.refused, self.unknown = {}, {}  # -> code
        self.runs = collections.defaultdict(list)  # (group, number) -> [Run]
        self.dead = {}  # (group, number) -> reason of the last attempt
        self.lives = collections.defaultdict(list)  # life -> [words], of the other lines
        self.lines = 0
        self.opened = 0  # nodes: a process may open several, one after the other

    def read(self):
        if not os.path.exists(self.path):
            return self
        with open(self.path, "rb") as file:
            file.seek(self.at)
            whole = self.rest + file.read()
            self.at = file.tell()
        *lines, self.rest = whole.split(b"\n")
        for line in lines:
            life, what, *words = line.decode().split(" ")
            self.take(int(life), what, words)
            self.lines += 1
        return self

    def take(self, life, what, words):
        if what == "receipt":
            assert int(words[0]) not in self.receipts, f"two receipts for {words}"
            self.receipts[int(words[0])] = words[1]
            if "degraded" in words[2:]:
                self.degraded.add(int(words[0]))
        elif what in ("refused", "unknown"):
            (self.refused if what == "refused" else self.unknown)[int(words[0])] = words[1]
            self.lives[life].append([what, *words])
        elif what == "run":
            run = Run(life, self.opened, int(words[2]), words[3] == "maybe")
            self.runs[words[0], int(words[1])].append(run)
        elif what in ("ok", "fail", "refuse"):
            for run in self.runs[words[0], int(words[1])]:
                if (run.life, run.attempt, run.end) == (life, int(words[2]), None):
                    run.end = what
        elif what == "dead":
            self.dead[words[0], int(words[1])] = " ".join(words[3:])
        else:
            self.lives[life].append([what, *words])
            self.opened += what == "open"

    def said(self, life, what):
        return [words for words in self.lives[life] if words[0] == what]

    def handled(self, group, number, since=0):
        """Whether it is a dead letter, or has run well in life `since` or later."""
        runs = self.runs.get((group, number), ())
        return (group, number) in self.dead or any(run.end == "ok" and run.life >= since for run in runs)

    def missing(self, groups):
        """Receipts whose work is not over."""
        return [(group, number) for number in self.receipts for group in groups
                if not self.handled(group, number)]

    def unfinished(self, groups):
        """The same, with all that has begun without a receipt."""
        begun = {number for _, number in self.runs} | self.receipts.keys()
        return [(group, number) for number in begun for group in groups if not self.handled(group, number)]

    def duplicates(self):
        return sum(1 for runs in self.runs.values() if sum(run.end == "ok" for run in runs) > 1)


def check_explained(place, runs, reused):
    """Every run behind the first has a cause that its listener was told; `reused`: a number may come twice,
    when the power was cut."""
    numbers = set()
    for before, run in zip([None, *runs], runs):
        told = f"{place}: {runs}"
        if before is None:
            assert run.attempt == 1 or run.maybe, f"an attempt is missing, {told}"
        elif before.end == "fail" and run.attempt == before.attempt + 1:
            pass  # a retry; whether it may be a duplicate is for an earlier run to say
        else:
            assert run.maybe, f"ran again without being marked, {told}"
            assert before.node != run.node, f"ran again on the same node, {told}"
        assert run.attempt not in numbers or (reused and run.maybe), f"an attempt number came twice, {told}"
        assert run.attempt <= 9, f"more than nine attempts, {told}"
        numbers.add(run.attempt)


def check_ledger(ledger, groups, reused=False):
    """Nothing lost, nothing without a cause; for a ledger whose last life has done all it owed."""
    missing = ledger.missing(groups)
    assert not missing, f"lost: {missing[:10]} ({len(missing)} of {len(ledger.receipts)} receipts)"
    for (group, number), runs in ledger.runs.items():
        refused = number in ledger.refused and number not in ledger.receipts
        assert not refused, f"{number} was refused and ran: {runs}"
        check_explained((group, number), runs, reused)


class Worker:
    """A process; `plan` is worker.cpp's."""

    def __init__(self, log, prefix=(), **plan):
        self.life = plan["life"]
        self.dumps = 0
        self.log_path = log
        with open(log, "ab") as errors:
            words = [f"{name}={value}" for name, value in plan.items()]
            command = [*prefix, programs["worker"], *words]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=errors)

    def tell(self, order):
        """Nobody reads the orders of a process that has ended."""
        try:
            self.process.stdin.write(order.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def ended(self):
        return self.process.poll() is not None

    def wait(self):
        """The code, negative for a signal."""
        code = self.process.wait(timeout=DEADLINE)
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        return code

    def kill(self, ledger):
        """The node's process, and then what traces it, which would wait for the end of a delay it makes."""
        begun = ledger.read().said(self.life, "begin")
        if self.ended() or not begun:
            self.process.kill()
            return self.wait()
        process = int(begun[0][1])
        os.kill(process, signal.SIGKILL)
        self.process.kill()
        end = time.monotonic() + DEADLINE
        while lives(process):
            assert time.monotonic() < end, f"process {process} was killed and does not end"
            time.sleep(0.001)
        return self.wait()

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()


class DurableCase(unittest.TestCase):
    """A place for a node's directory, its ledger and the lives of it."""

    groups = ("g0", "g1")
    may_forget = False  # a power cut may take what was written and had no receipt, though it ran

    def setUp(self):
        self.place = self.make_place()
        if os.environ.get("EVMESH_DURABLE_KEEP") == "1":
            print(f"kept: {self.place}", flush=True)
        else:
            self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        self.workers = []
        self.addCleanup(self.end_all)
        self.homes = {}
        self.begin_anew()

    def make_place(self):
        return in_memory("evmesh-durable-")

    def begin_anew(self, name="node"):
        """Another directory, with a ledger of its own."""
        self.directory = os.path.join(self.place, name)
        self.ledger = Ledger(os.path.join(self.place, f"{name}.ledger"))
        self.life = 0

    def go_to(self, name):
        """Goes on with the lives of a directory of this case, or begins them."""
        self.homes[os.path.basename(self.directory)] = (self.directory, self.ledger, self.life)
        if name in self.homes:
            self.directory, self.ledger, self.life = self.homes[name]
        else:
            self.begin_anew(name)

    def end_all(self):
        for worker, ledger in self.workers:
            if not worker.ended():
                worker.kill(ledger)

    def start(self, prefix=(), **plan):
        """The next life; its events have numbers of their own."""
        self.life += 1
        plan = {"from": self.life * 1_000_000, **plan}
        worker = Worker(os.path.join(self.place, "log"), prefix, directory=self.directory,
                        ledger=self.ledger.path, life=self.life, groups=len(self.groups), **plan)
        self.workers.append((worker, self.ledger))
        return worker

    def wait(self, what, condition, worker=None):
        """Until `condition()` is true; fails when `worker` ends before."""
        end = time.monotonic() + DEADLINE
        while True:
            ended = worker is not None and worker.ended()
            self.ledger.read()
            if condition():
                return
            if ended:
                self.fail(f"the worker ended with {worker.wait()} before: {what}\n{self.told(worker)}")
            if time.monotonic() > end:
                self.fail(f"after {DEADLINE} s still not: {what}\n{self.told(worker)}")
            time.sleep(0.005)

    def told(self, worker):
        if worker is None:
            return ""
        left = self.ledger.unfinished(self.groups)
        lines = [words for words in self.ledger.lives[worker.life] if words[0] != "dumped"]
        return f"{left[:20]} ({len(left)}) left\n{lines[-20:]}\n{worker.log()[-2000:]}"

    def wait_said(self, worker, what, count=1):
        self.wait(f"{count} times {what}", lambda: len(self.ledger.said(worker.life, what)) >= count, worker)

    def wait_drained(self, worker, *places):
        """Until all that was ever accepted has run or is a dead letter; `places` run in this life, whether
        they did before or not."""
        self.wait("all accepted work is over", lambda: self.drained(worker, *places), worker)

    def drained(self, worker, *places):
        """As above, now. Asks for the dead letters as long as something is left."""
        ledger = self.ledger
        left = ledger.missing(self.groups) if self.may_forget else ledger.unfinished(self.groups)
        left = left or [each for each in places if not ledger.handled(*each, worker.life)]
        if not left or not self.ledger.said(worker.life, "open"):
            return not left
        if len(self.ledger.said(worker.life, "dumped")) == worker.dumps:
            worker.dumps += 1
            worker.tell("dump")
        return False

    def quit(self, worker):
        worker.tell("quit")
        self.assertEqual(worker.wait(), 0, worker.log()[-2000:])
        self.ledger.read()

    def drain_and_check(self, reused=False, **plan):
        """A life without faults does what is left; then nothing is lost, and everything has a cause."""
        owed = []
        for _ in range(3):
            worker = self.start(**plan)
            self.wait_said(worker, "sent")
            self.wait_drained(worker, *owed)
            self.quit(worker)
            check_ledger(self.ledger, self.groups, reused)
            # What was written without a receipt, and had not begun before this life, may be owed still.
            owed = self.owed()
            if not owed:
                return
        self.fail(f"owed for ever: {owed}")

    def owed(self):
        """What the files say is still owed, as (group, number)."""
        found = self.journal_check()
        if found["owed"] == 0:
            return []
        path = f"{self.ledger.path}.owed-{self.life}"
        self.assertEqual(self.run_check(self.directory, "--export", path).returncode, 0)
        with open(path, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        places = [(line["group"], int(line["event"]["text"].split()[0])) for line in lines]
        return [place for place in places if place not in self.ledger.dead]

    def run_check(self, directory, *words):
        return subprocess.run([programs["evmesh"], "journal", "check", directory, *words], text=True,
                              capture_output=True, timeout=DEADLINE, env={"PATH": os.environ["PATH"]})

    def journal_check(self):
        ran = self.run_check(self.directory, "-o", "json")
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        return json.loads(ran.stdout)


# System calls by which a node changes its directory.
CHANGES = ("openat,write,pwrite64,pwritev,fdatasync,fsync,msync,ftruncate,fallocate,rename,renameat,"
           "renameat2,unlink,unlinkat,mkdir,mkdirat,fchmod,fchmodat,chmod,mmap,flock")


def strace(log, *expressions):
    """What stands before a command to trace it; none of its texts are kept."""
    words = [word for each in expressions for word in ("-e", each)]
    # The leak sanitizer cannot stop a program that is traced already.
    sanitizer = f"ASAN_OPTIONS={os.environ.get('ASAN_OPTIONS', '')}:detect_leaks=0"
    return ["strace", "-f", "-y", "-s", "0", "-E", sanitizer, "-o", log, *words]


def calls(log):
    """The system calls of a trace in their order: (thread, name, text, whether this is the end of an earlier
    one)."""
    with open(log, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            match = re.match(r"(\d+) +(<\.\.\. )?(\w+)(\(| resumed>)(.*)", line)
            if match:
                yield match[1], match[3], match[5], match[2] is not None


def need_strace(case):
    if shutil.which("strace") is None:
        case.skipTest("strace is not installed; scripts/bootstrap does it")


def terminate(worker):
    worker.process.send_signal(signal.SIGTERM)
    return worker.wait()
