#!/usr/bin/python3
"""Three nodes for a long time, while listeners and nodes come and go: usage scripts/soak; see its --help.

Memory and descriptors stay where they were, and whatever a listener lacks is explained by a life that ended. Ends with
one JSON line.
"""

import argparse
import json
import os
import random
import statistics
import sys
import time

import mesh
from mesh import MeshCase

SAMPLE_EVERY = 5  # seconds
CHURN_EVERY = 1  # seconds between two listeners that come or go
LIFE_SECONDS = 20  # of the third node, which then stops, or is killed, and comes back; a guest comes and goes beside it
GROWTH_MAX = 1.10  # of memory, from the second third of the run to the last
DESCRIPTORS_MAX = 3  # more than before; connections come and go
RING_BYTES = 2 << 20  # of each bus, so that it is full before memory is looked at
CHURNED = [f"x{number}" for number in range(6)]


class Soak(MeshCase):
    def runTest(self):
        pass

    def begin(self, rate):
        self.a, self.b = self.mesh("ab", ring_bytes=RING_BYTES, window_bytes=RING_BYTES // 2)
        self.rate, self.lives, self.samples = rate, [], {self.a.name: [], self.b.name: []}
        self.ledgers = {}
        self.life = self.deaths = self.listeners = self.guests = 0
        self.on = set()
        for peer in (self.a, self.b):
            self.listen(peer)
            self.load(peer, f"from-{peer.name}", rate=rate)
        self.begin_life()

    def begin_life(self):
        """The third node, under its old name, and what it sends and hears in this life."""
        self.life += 1
        self.c = self.node("c", seeds=[self.a], ring_bytes=RING_BYTES, window_bytes=RING_BYTES // 2)
        self.wait_in_touch([self.a, self.b, self.c])
        label = f"from-c-{self.life}"
        after = self.listen(self.c, listener=f"l{self.life}")["acknowledged"]
        self.load(self.c, label, rate=self.rate)
        self.lives.append((self.c, label, f"l{self.life}", after))

    def end_life(self):
        if self.life % 2 == 1:
            self.stop_load(self.c, f"from-c-{self.life}")
            self.c.quit()
        else:
            self.deaths += 1
            self.c.kill()
        self.forget_process(self.c)

    def forget_process(self, peer):
        self.peers.remove(peer)
        peer.process.stdout.close()

    def guest(self):
        """A node without a directory that listens for a moment."""
        self.guests += 1
        peer = self.process(f"guest-{self.guests}")
        peer.open(transient=True, seeds=[self.b.listen])
        peer.ask("register", listener="l", keys=["K:1", f"Guest:{self.guests}"])
        peer.quit()
        self.forget_process(peer)

    def churn(self):
        """One listener more or less at a node that stays."""
        peer, name = random.choice((self.a, self.b)), random.choice(CHURNED)
        self.listeners += 1
        if (peer.name, name) in self.on:
            self.on.remove((peer.name, name))
            peer.ask("unregister", listener=name)
        else:
            self.on.add((peer.name, name))
            keys = [f"Churn:{random.randrange(1_000)}" for _ in range(20)] + ["K:1"]
            peer.ask("register", listener=name, keys=keys, receipt_ms=0)

    def sample(self):
        for peer in (self.a, self.b):
            descriptors = len(os.listdir(f"/proc/{peer.process.pid}/fd"))
            self.samples[peer.name].append((peer.status()["rss_kib"], descriptors))

    def go_on(self, seconds):
        start = time.monotonic()
        churned = sampled = life_began = start
        while (now := time.monotonic()) < start + seconds:
            if now - churned >= CHURN_EVERY:
                churned = now
                self.churn()
            if now - sampled >= SAMPLE_EVERY:
                sampled = now
                self.sample()
            if now - life_began >= LIFE_SECONDS:
                self.end_life()
                self.guest()
                self.begin_life()
                life_began = time.monotonic()
            time.sleep(0.05)  # the length of the run is what it is about

    def heard_from(self, peer, publisher_id, epoch, listener="l"):
        """As the base class; a ledger that nobody writes to any more is read once."""
        lives = self.ledgers.get((peer.name, listener))
        if lives is None:
            return super().heard_from(peer, publisher_id, epoch, listener)
        return lives.get((publisher_id, epoch), ([], []))

    def read_ledger(self, peer, listener):
        lives = self.ledgers[(peer.name, listener)] = {}
        with open(self.path(f"{peer.name}.{listener}.heard"), encoding="utf-8") as ledger:
            for line in mesh.whole_lines(ledger):
                what, publisher, life, *rest = line.split()
                events, gaps = lives.setdefault((publisher, int(life)), ([], []))
                if what == "event":
                    events.append((int(rest[0]), rest[1]))
                else:
                    gaps.append((int(rest[0]), float("inf") if rest[1] == "end" else int(rest[1]), rest[2]))

    def judge(self):
        """What each listener was told of each life, against what that life sent."""
        self.stop_load(self.c, f"from-c-{self.life}")
        for peer in (self.a, self.b):
            self.stop_load(peer, f"from-{peer.name}")
        for peer, others in ((self.a, (self.b, self.c)), (self.b, (self.a, self.c))):
            for publisher in others:
                label = f"from-{publisher.name}" if publisher is not self.c else f"from-c-{self.life}"
                self.wait_heard_up_to(peer, publisher, max(self.sent(label)))
        for peer, listener in [(self.a, "l"), (self.b, "l"), *((life[0], life[2]) for life in self.lives)]:
            self.read_ledger(peer, listener)
        heard = gaps = 0
        whole = [(self.a, "from-a", "l", None), (self.b, "from-b", "l", None)]
        for publisher, label, _, _ in [*whole, *self.lives]:
            sent = self.sent(label)
            for peer in (self.a, self.b):
                if peer is publisher:
                    continue
                events, holes = self.heard_from(peer, publisher.id, publisher.epoch)
                heard += len(events)
                if publisher in (self.a, self.b):
                    self.check_all(sent, events, holes)
                else:
                    gaps += len(holes)
                    self.assertLessEqual({reason for _, _, reason in holes}, {"life_ended"})
        for peer, _, listener, after in self.lives:
            for publisher in (self.a, self.b):
                events, holes = self.heard_from(peer, publisher.id, publisher.epoch, listener)
                heard += len(events)
                numbers = [number for number, _ in events]
                self.assertEqual([], holes)
                # Nothing is missing between the registration and the end of the listener's own life.
                self.assertEqual(list(range(numbers[0], numbers[-1] + 1)) if numbers else [], numbers)
                self.assertGreater(numbers[0] if numbers else float("inf"), after.get(publisher.id, 0))
        return heard, gaps

    def flat(self):
        """How much more the last third of the run took than the second, the worst of the nodes."""
        growth, more = 0.0, 0
        for samples in self.samples.values():
            third = len(samples) // 3
            before, after = samples[third : 2 * third], samples[-third:]
            growth = max(growth, *(statistics.median(s[0] for s in after) / statistics.median(s[0] for s in before),))
            more = max(more, statistics.median(s[1] for s in after) - statistics.median(s[1] for s in before))
        return growth, more


def main():
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("peer")
    parser.add_argument("--minutes", type=float, default=30, help="how long (default 30)")
    parser.add_argument("--rate", type=int, default=200, help="events a second of each node (default 200)")
    options = parser.parse_args()
    mesh.peer_program = os.path.abspath(options.peer)
    soak = Soak()
    soak.setUp()
    broken, heard, gaps = [], 0, 0
    try:
        soak.begin(options.rate)
        soak.go_on(options.minutes * 60)
        heard, gaps = soak.judge()
    except AssertionError as error:
        broken.append(str(error)[:2_000])
    growth, more = soak.flat() if all(len(samples) >= 3 for samples in soak.samples.values()) else (0, 0)
    if growth > GROWTH_MAX:
        broken.append(f"memory grew by {growth - 1:.0%}")
    if more > DESCRIPTORS_MAX:
        broken.append(f"{more} descriptors more than before")
    soak.doCleanups()
    last = {name: samples[-1] for name, samples in soak.samples.items() if samples}
    print(json.dumps({"minutes": options.minutes, "heard": heard, "lives": soak.life, "killed": soak.deaths,
                      "guests": soak.guests, "listeners": soak.listeners, "gaps_of_ended_lives": gaps,
                      "memory_growth": round(growth, 3), "descriptors_more": more,
                      "last_rss_kib": {name: sample[0] for name, sample in last.items()},
                      "last_descriptors": {name: sample[1] for name, sample in last.items()}, "broken": broken}))
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
