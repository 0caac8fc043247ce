"""Both ends of a stream, as src/wire/README.md says: section 6, "Streams" and "Flow"."""

import dataclasses

WINDOW, RING, FRAME, HELD = 8 << 20, 64 << 20, 64 << 10, 4 << 20
START, REPORT = 1, 2
RING_OVERRUN = 0


class Inbound:
    """What one life publishes on one bus, as it arrives here. `told(number, event bytes)` and `gap(first, last)` come in order;
    `ask(after, to)` sends a REPAIR."""

    def __init__(self, told, gap, ask):
        self.told, self.gap, self.ask = told, gap, ask
        self.through, self.held, self.asked, self.heard = None, {}, -1e9, False

    def begin(self, now, number):
        if self.through is None:
            self.through = number
            self.go_on(now)

    def notify(self, now, body):
        if body["flags"] & START:
            self.begin(now, body["to"])
        events = [(body["after"] + each["delta"], each["event"]) for each in body["events"]]
        self.take(now, body["after"], body["to"], lambda: self.deliver(events))

    def missed(self, now, body):
        self.take(now, body["from"] - 1, body["to"], lambda: self.gap(max(body["from"], self.through + 1), body["to"]))

    def deliver(self, events):
        for number, event in events:
            if number > self.through:
                self.told(number, event)

    def take(self, now, after, to, apply):
        self.heard = True
        if self.through is None or after > self.through:
            self.held[(after, to)] = apply
        elif to > self.through:
            apply()
            self.through = to
        self.go_on(now)

    def go_on(self, now):
        """Kept frames whose turn has come, and a question for the hole before the others."""
        if self.through is None:
            return
        before = self.through
        for after, to in sorted(self.held):
            if after > self.through:
                break
            apply = self.held.pop((after, to))
            if to > self.through:
                apply()
                self.through = to
        if self.held and (self.through > before or now - self.asked >= 1):
            self.asked = now
            self.ask(self.through, min(self.held)[0])


@dataclasses.dataclass
class Reader:
    """How far one member is in a stream of ours."""

    sent: int
    start: int = None       # the number with which it began at the head
    reported: int = 0
    repair: tuple = None    # (next, to) still to be sent again
    repair_limit: int = 0   # what is under way unreported


class Outbound:
    """A stream of ours. `host` sends: link(row, kind, body), publish(kind, body), wants(row, hashes), by_socket(row)."""

    def __init__(self, bus, host):
        self.bus, self.host = bus, host
        self.head, self.first, self.ring, self.size = 0, 1, {}, 0
        self.readers, self.waiting = {}, {}
        self.burst_ended, self.said_head = None, -1e9

    def notify(self, after, to, events, flags=0):
        return {"bus": self.bus, "flags": flags, "after": after, "to": to,
                "events": [{"delta": number - after, "event": event} for number, event in events]}

    def bytes_ahead(self):
        slowest = min((reader.reported for reader in self.readers.values()), default=self.head)
        return sum(len(self.ring[number][0]) for number in range(max(slowest + 1, self.first), self.head + 1))

    def accept(self, now, event, hashes):
        self.head += 1
        self.ring[self.head] = (event, hashes)
        self.size += len(event)
        while self.size > RING:
            self.drop_oldest()
        self.pump(now)
        self.burst_ended = now
        return self.head

    def drop_oldest(self):
        self.size -= len(self.ring.pop(self.first)[0])
        self.first += 1

    def pump(self, now):
        on_socket = [row for row, reader in self.readers.items() if self.host.by_socket(row) and reader.sent == self.head - 1]
        if on_socket:
            event, _ = self.ring[self.head]
            self.host.publish("notify", self.notify(self.head - 1, self.head, [(self.head, event)]))
            for row in on_socket:
                self.readers[row].sent = self.head
        for row, reader in self.readers.items():
            if reader.sent < self.head:
                self.send_range(row, reader.sent, self.head, 0)
                reader.sent = self.head

    def send_range(self, row, after, to, flags):
        """Covers (after, to] by link: a gap for what the ring has no more, frames of at most 64 KiB for the rest."""
        if after + 1 < self.first:
            last = min(to, self.first - 1)
            self.host.link(row, "gap", {"bus": self.bus, "reason": RING_OVERRUN, "from": after + 1, "to": last})
            after = last
        events, size = [], 0
        for number in range(after + 1, to + 1):
            event, hashes = self.ring[number]
            if not self.host.wants(row, hashes):
                continue
            if events and size + len(event) > FRAME:
                self.host.link(row, "notify", self.notify(after, events[-1][0], events, flags))
                after, events, size = events[-1][0], [], 0
            events.append((number, event))
            size += len(event) + 8
        if after < to:
            self.host.link(row, "notify", self.notify(after, to, events, flags))

    def subscribe(self, row, body):
        """Called when the announcement that the SUBSCRIBE names is in force."""
        reader, through = self.readers.get(row), body["through"]
        if reader is not None:
            if through is None and reader.start is not None:
                return self.host.link(row, "notify", self.notify(reader.start, reader.start, [], START))
            self.report(row, through)
            return self.host.link(row, "notify", self.notify(self.head, self.head, []))
        if through is None:
            self.readers[row] = Reader(self.head, self.head, self.head)
            return self.host.link(row, "notify", self.notify(self.head, self.head, [], START))
        self.readers[row] = Reader(self.head, None, through)
        self.send_range(row, through, self.head, 0)
        return self.host.link(row, "notify", self.notify(self.head, self.head, []))

    def report(self, row, number):
        reader = self.readers.get(row)
        if reader is None or number is None or number <= reader.reported:
            return
        reader.reported = number
        self.serve(row, reader)

    def repair(self, row, body):
        reader = self.readers.get(row)
        if reader is not None:
            reader.repair = (body["after"], min(body["to"], self.head))
            reader.reported = max(reader.reported, body["after"])
            self.serve(row, reader)

    def serve(self, row, reader):
        """As much of the repair as may be under way: 1 MiB that is not reported."""
        if reader.repair is None:
            return
        after, to = reader.repair
        last, size = after, sum(len(self.ring[n][0]) for n in range(max(reader.reported + 1, self.first), after + 1))
        while last < to and size < 1 << 20:
            last += 1
            size += len(self.ring[last][0]) if last >= self.first else 0
        if last > after:
            self.send_range(row, after, last, REPORT)
        reader.repair = (last, to) if last < to else None

    def tick(self, now):
        lag = any(reader.reported < self.head for reader in self.readers.values())
        burst = self.burst_ended is not None and now - self.burst_ended >= 0.05
        if burst or (lag and now - self.said_head >= 0.5):
            self.burst_ended, self.said_head = None, now
            for row in self.readers:
                self.host.link(row, "notify", self.notify(self.head, self.head, [], REPORT if lag else 0))
