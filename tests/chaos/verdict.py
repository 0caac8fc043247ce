"""What became of all that was accepted: joins the ledgers of all nodes. No process, no clock.

A ledger line is `LIFE WHAT WORDS... MICROSECONDS`, as tests/durable/worker.cpp writes it.
"""

import collections
import os

# Microseconds after the end of a fault in which what runs again may still be its consequence: redialling, retries
# with their waits, questions that go unanswered.
AFTERMATH = 30_000_000

# Microseconds after the end of a fault in which work may still be given to a node that is then held for dead.
NOTICED = 5_000_000


class Run:
    """One call of a listener; times in microseconds."""

    __slots__ = ("node", "life", "attempt", "maybe", "begin", "end", "how")

    def __init__(self, node, life, attempt, maybe, begin):
        self.node, self.life, self.attempt, self.maybe, self.begin = node, life, attempt, maybe, begin
        self.end = self.how = None  # ok, fail, refuse; nothing when the process ended first

    def __repr__(self):
        return (f"{self.node}/{self.life} attempt {self.attempt}{' maybe' if self.maybe else ''} "
                f"{self.begin / 1e6:.3f} {self.how or 'cut short'}")


class Receipt:
    __slots__ = ("node", "life", "time", "degraded")

    def __init__(self, node, life, time, degraded):
        self.node, self.life, self.time, self.degraded = node, life, time, degraded


class Ledgers:
    """What all nodes have written so far; `read` takes up what is new."""

    def __init__(self):
        self.files = {}  # node -> [path, position, rest]
        self.receipts = {}  # number -> Receipt
        self.refused, self.unknown = {}, {}  # number -> code
        self.runs = collections.defaultdict(list)  # (group, number) -> [Run]
        self.letters = collections.defaultdict(set)  # (group, number) -> nodes that listed it as dead
        self.said = collections.defaultdict(list)  # (node, life) -> [words], of the other lines
        self.ok = set()  # (group, number)
        self.faults_found = []  # texts

    def add(self, node, path):
        self.files[node] = [path, 0, b""]

    def read(self):
        for node, file in self.files.items():
            path, position, rest = file
            if not os.path.exists(path):
                continue
            with open(path, "rb") as ledger:
                ledger.seek(position)
                whole = rest + ledger.read()
                file[1] = ledger.tell()
            *lines, file[2] = whole.split(b"\n")
            for line in lines:
                life, what, *words, time = line.decode().split(" ")
                self.take(node, int(life), what, words, int(time))
        return self

    def take(self, node, life, what, words, time):
        if what == "run":
            run = Run(node, life, int(words[2]), words[3] == "maybe", time)
            self.runs[words[0], int(words[1])].append(run)
        elif what in ("ok", "fail", "refuse"):
            place = (words[0], int(words[1]))
            for run in self.runs[place]:
                if (run.node, run.life, run.attempt, run.how) == (node, life, int(words[2]), None):
                    run.how, run.end = what, time
                    break
            if what == "ok":
                self.ok.add(place)
        elif what == "receipt":
            if int(words[0]) in self.receipts:
                self.faults_found.append(f"two receipts for {words[0]}")
            self.receipts[int(words[0])] = Receipt(node, life, time, "degraded" in words)
        elif what in ("refused", "unknown"):
            (self.refused if what == "refused" else self.unknown)[int(words[0])] = words[1]
        elif what == "dead":
            self.letters[words[0], int(words[1])].add(node)
        else:
            self.said[node, life].append([what, *words])

    def has_said(self, node, life, what):
        return [words for words in self.said[node, life] if words[0] == what]

    def open_places(self, groups):
        """Receipts whose work is not over, as (group, number)."""
        return [(group, number) for number in self.receipts for group in groups
                if (group, number) not in self.ok and (group, number) not in self.letters]


def unexplained_runs(place, runs, faults):
    """Why each run that nothing explains should not have been, as texts. `faults`: [(begin, end)] microseconds.

    Explained are: the first run, as attempt 1; a retry of a failed attempt, once for each, also when attempts between
    were given to nodes that died; and what was said to be possibly a duplicate, when there was a fault that can have
    led to it.
    """
    found = []
    ordered = sorted(runs, key=lambda run: run.begin)
    failed = []  # runs that explain one retry each
    for at, run in enumerate(ordered):
        before = [each for each in failed if each.attempt + 1 == run.attempt and each.end <= run.begin]
        if run.maybe:
            since = ordered[max(0, at - 1)].begin
            if not any(begin <= run.begin and since <= end + AFTERMATH for begin, end in faults):
                found.append(f"{place} was marked though nothing had happened: {ordered}")
        elif before:
            failed.remove(before[0])
        elif died_between(run, ordered[:at], failed, faults):
            failed[:] = [each for each in failed if each.attempt >= run.attempt]
        elif at > 0 or run.attempt != 1:
            found.append(f"{place} ran without a cause as attempt {run.attempt} on {run.node}: {ordered}")
        if run.how == "fail":
            failed.append(run)
    return found


def died_between(run, earlier, failed, faults):
    """Whether each attempt that is missing before this one can have been given to a node that died before it began:
    nobody ran it, and there was a fault for each since the last failed attempt, or shortly before when this is the
    first run."""
    causes = [each for each in failed if each.attempt < run.attempt and each.end <= run.begin]
    if earlier and not causes:
        return False
    cause = max(causes, key=lambda each: each.attempt, default=None)
    missing = range(cause.attempt + 1 if cause else 1, run.attempt)
    if not missing or any(each.attempt in missing for each in earlier):
        return False
    since = cause.end if cause else run.begin - AFTERMATH
    return sum(begin <= run.begin and since <= end + NOTICED for begin, end in faults) >= len(missing)


def percentile(values, share):
    """The smallest value that is not below `share` of all; nothing without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


class Kill:
    """A node's life that ended at `time`; it came back at `back` (microseconds)."""

    def __init__(self, node, life, time, back, alone):
        self.node, self.life, self.time, self.back, self.alone = node, life, time, back, alone


def takeovers(ledgers, kills, groups, owned):
    """How long (microseconds) what the dead node ran, or owned when `owned`, waited for its first execution
    elsewhere: one number for each such work of each kill that stood alone. Without any execution elsewhere it is the
    time until the node was back, at least."""
    times = []
    for kill in kills:
        if not kill.alone:
            continue
        for place in left_behind(ledgers, kill, groups, owned):
            later = [run for run in ledgers.runs.get(place, ()) if run.begin > kill.time]
            elsewhere = [run.begin for run in later if run.node != kill.node]
            if elsewhere:
                times.append(min(elsewhere) - kill.time)
            elif later or place not in ledgers.letters:
                times.append(kill.back - kill.time)
    return times


def left_behind(ledgers, kill, groups, owned):
    """Places whose work was not over when the node was killed: it ran them for another node, or `owned` them."""
    def over(place):
        """Or about to be, on another node."""
        return any(run.how in ("ok", "refuse") and (run.end if run.node == kill.node else run.begin) <= kill.time
                   for run in ledgers.runs.get(place, ()))

    for place, runs in ledgers.runs.items():
        receipt = ledgers.receipts.get(place[1])
        ran = any((run.node, run.life) == (kill.node, kill.life) and run.how is None for run in runs)
        if ran and receipt and receipt.node != kill.node:
            yield place
    if not owned:
        return
    for number, receipt in ledgers.receipts.items():
        if receipt.node != kill.node or receipt.time > kill.time or receipt.degraded:
            continue
        for group in groups:
            if not over((group, number)):
                yield group, number


class Verdict:
    """The figures. `owed`: places that some node still owed at the end. `faults`: [(begin, end)], `kills`: [Kill]."""

    def __init__(self, ledgers, groups, owed, faults, kills, owned_move):
        self.ledgers, self.groups = ledgers, groups
        left = ledgers.open_places(groups)
        self.lost = [place for place in left if place not in owed]
        self.stuck = [place for place in left if place in owed]
        promised = [(group, number) for number in ledgers.receipts for group in groups]
        self.executed = sum(place in ledgers.ok for place in promised)
        self.dead = sum(place in ledgers.letters and place not in ledgers.ok for place in promised)
        self.duplicates = sum(sum(run.how == "ok" for run in runs) > 1 for runs in ledgers.runs.values())
        self.unexplained = list(ledgers.faults_found)
        for place, runs in ledgers.runs.items():
            if place[1] in ledgers.refused and place[1] not in ledgers.receipts:
                self.unexplained.append(f"{place} was refused and ran: {runs}")
            if len(runs) > 1 or runs[0].maybe or runs[0].attempt != 1:
                self.unexplained += unexplained_runs(place, runs, faults)
        self.kills = kills
        self.takeovers = takeovers(ledgers, kills, groups, owned_move)

    def figures(self):
        p99 = percentile(self.takeovers, 0.99)
        return {
            "receipts": len(self.ledgers.receipts), "executed": self.executed, "dead": self.dead,
            "lost": len(self.lost), "stuck": len(self.stuck), "duplicates": self.duplicates,
            "unexplained": len(self.unexplained), "kills": len(self.kills),
            "takeover_p99_ms": None if p99 is None else round(p99 / 1000, 1),
        }


# A run of this many seconds, or more, is one that promises are measured by.
WHOLE_SECONDS = 240
WHOLE_RECEIPTS = 100_000


def too_little(figures, done, wanted, seconds, replicated):
    """What the run has done too little of to prove anything, as texts. `done`: faults by kind, `wanted`: likewise."""
    counted = {"kill": ("kill -9", figures["kills"]), "cut": ("partitions", done["cut"])}
    least = dict(wanted)
    if seconds >= WHOLE_SECONDS:
        counted |= {"receipts": ("receipts", figures["receipts"]), "pause": ("pauses beyond the lease", done["pause"])}
        least |= {"receipts": WHOLE_RECEIPTS, "pause": 1}
        if replicated:
            counted |= {"wipe": ("disks thrown away", done["wipe"]),
                        "takeover": ("takeovers measured", int(figures["takeover_p99_ms"] is not None))}
            least |= {"wipe": 1, "takeover": 1}
    return [f"too little was done: {number} {name}, at least {least[kind]} are needed"
            for kind, (name, number) in counted.items() if number < least[kind]]
