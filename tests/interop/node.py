"""A peer of the mesh in Python, written from src/wire/README.md alone. It carries notifications in both mesh modes; it accepts no
group work and runs none, and says so where it is asked.

A thread of its own drives the sockets; the methods below "what a program calls" may be called from any other.
"""

import collections
import concurrent.futures
import os
import threading
import time
import uuid

import digests
import frames
from fields import NIL
from handlers import Handlers
from interests import AGAIN, Own
from listener import Listener
from members import HEARTBEAT, Members
from sockets import Sockets, barrier
from streams import WINDOW, Inbound, Outbound
TICK = 0.02
JOIN = 3.0
MODES = {"scale-efficient": 1, "broadcast": 2}


class BackPressure(Exception):
    """The slowest member is a whole window behind."""


class Node(Handlers):
    def __init__(self, name, seeds=(), mode="broadcast", cluster="evmesh", buses=("events",), node_id=None, epoch=1):
        self.name, self.mode, self.cluster, self.buses = name, mode, cluster, list(buses)
        self.id, self.epoch = node_id or uuid.uuid4(), epoch
        self.sockets, self.members, self.own = Sockets(), Members(self), Own(self.say_announce)
        self.theirs, self.listeners, self.groups = {}, [], {}
        self.inbound, self.outbound = {}, [Outbound(number, self) for number in range(len(self.buses))]
        self.waiting_subscribes, self.subscribed = {}, {}
        self.lose_notifies, self.lose_arriving, self.rejections, self.ended = 0, 0, [], None
        self.sent, self.heard = collections.Counter(), collections.Counter()
        self.started, self.heartbeat_at, self.was_up, self.stopping = self.now(), 0.0, False, False
        self.wishes, (self.woken, self.waker) = collections.deque(), os.pipe()
        self.sockets.poller.register(self.woken)
        self.sockets.live(self.id, self.epoch)
        self.seeds = list(seeds)
        for seed in seeds:
            self.dial(seed)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    # -- what a program calls

    def call(self, wish):
        """Runs `wish` in the node's thread and gives what it returns."""
        if not self.thread.is_alive():
            return wish()
        future = concurrent.futures.Future()
        self.wishes.append((wish, future))
        os.write(self.waker, b"!")
        return future.result(timeout=60)

    def up(self):
        return self.call(lambda: sorted(row.name for row in self.members.up()))

    def row(self, name):
        return self.call(lambda: next((row for row in self.members.rows.values() if row.name == name), None))

    def listen(self, key, bus="events"):
        """Is acknowledged by everybody when `acknowledged()` is true; key None: each event of the bus."""
        def begin():
            added = [] if key is None else [digests.interest_hash(bus, key)]
            each = [self.buses.index(bus)] if key is None else []
            version = self.own.change(self.now(), self.members.up(), added, (), each)
            self.listeners.append(Listener(bus, key, version))
            return self.listeners[-1]
        return self.call(begin)

    def acknowledged(self):
        return self.call(lambda: all(self.own.is_acknowledged(row) for row in self.members.up()))

    def dispatch(self, payload, keys, bus="events", kind="Interop"):
        """The number of the event in this node's stream."""
        def publish():
            stream = self.outbound[self.buses.index(bus)]
            if stream.bytes_ahead() + len(payload) > WINDOW:
                raise BackPressure()
            event = frames.encode_event({
                "format": 1, "payload_format": 0, "id": uuid.uuid4(), "time": time.time_ns() // 1000, "type": kind,
                "user": "", "keys": sorted(keys, key=str.encode), "headers": [], "payload": payload.encode()})
            return stream.accept(self.now(), event, sorted(keys))
        return self.call(publish)

    def seen_by(self, number, bus="events"):
        """Names of those who have reported that they have the event."""
        def look():
            readers = self.outbound[self.buses.index(bus)].readers
            return sorted(self.members.rows[row].name for row, reader in readers.items() if reader.reported >= number)
        return self.call(look)

    def forget_ring(self, bus="events"):
        """For tests: as if what was dispatched so far were too old."""
        def empty():
            stream = self.outbound[self.buses.index(bus)]
            while stream.ring:
                stream.drop_oldest()
        self.call(empty)

    def lose(self, count):
        """For tests: the next frames with events are not sent, as if the network had lost them."""
        self.call(lambda: setattr(self, "lose_notifies", count))

    def lose_what_comes(self, count):
        """For tests: the next frames with events are not taken, as if they had not arrived."""
        self.call(lambda: setattr(self, "lose_arriving", count))

    def leave(self, for_good):
        """GOODBYE to everybody, as the last frame of this life."""
        def say():
            for row in self.members.up():
                self.send(row, "goodbye", {"for_good": for_good, "returns_in_ms": 0, "heads": self.heads()})
            self.stopping = True
        self.call(say)
        self.thread.join(timeout=30)

    def vanish(self):
        """Ends without a word."""
        if not self.stopping:
            self.call(lambda: setattr(self, "stopping", True))
        self.thread.join(timeout=30)

    # -- the thread, here and in handlers.py

    @staticmethod
    def now():
        return time.monotonic()

    def run(self):
        while not self.stopping and self.ended is None:
            for frame, link, route in self.sockets.poll(int(TICK * 1000)):
                self.came(frame, link, route)
            self.tick()
            self.fulfil()
        self.sockets.close()
        self.fulfil()

    def fulfil(self):
        while self.wishes:
            os.read(self.woken, 1)
            wish, future = self.wishes.popleft()
            try:
                future.set_result(wish())
            except Exception as error:  # the caller's, whatever it is
                future.set_exception(error)

    def tick(self):
        now = self.now()
        self.members.tick(now)
        for link in list(self.sockets.links.values()):
            if now >= link.hello_at and not self.proved(link):
                link.hello_at = now + HEARTBEAT
                self.send_by(link, "hello", self.own_hello(), NIL, 0)
        if now >= self.heartbeat_at:
            self.heartbeat_at = now + HEARTBEAT
            for row in self.members.rows.values():
                self.beat(row)
        for row in self.members.up():
            if not self.own.is_acknowledged(row) and now - self.own.said.get(row.id, now) >= AGAIN:
                self.own.say_whole(now, row)
            self.subscribe_again(now, row)
        for stream in self.outbound:
            stream.tick(now)

    def proved(self, link):
        row = self.members.rows.get(link.peer[0]) if link.peer else None
        return row is not None and row.link is link and row.up

    def beat(self, row):
        if row.hello is None or row.link is None or row.over:
            return
        row.seq_sent += 1
        self.send(row, "heartbeat", {
            "seq": row.seq_sent, "echo": row.seq_heard, "announcement_version": self.own.version,
            "announcement_digest": self.own.digest(), "members_digest": self.members.digest(), "heads": self.heads(),
            "through": self.positions_in(row)})

    # -- frames out

    def send_by(self, link, kind, body, to, to_epoch):
        self.sent[kind] += 1
        self.sockets.send(link, frames.encode(frames.Frame(kind, self.id, self.epoch, to, to_epoch, body)))

    def send(self, row, kind, body):
        if row.link is not None:
            self.send_by(row.link, kind, body, row.id, row.epoch)

    def answer(self, route, kind, body, frame):
        self.sent[kind] += 1
        self.sockets.answer(route, frames.encode(frames.Frame(
            kind, self.id, self.epoch, frame.sender, frame.sender_epoch, body)))

    def own_hello(self):
        return {"version_lowest": 1, "version_highest": 1, "cluster": self.cluster, "name": self.name,
                "mode": MODES[self.mode], "transient": True, "work_endpoint": self.sockets.work,
                "publish_endpoint": self.sockets.publishing, "buses": self.buses, "announcement_version": self.own.version,
                "announcement_digest": self.own.digest()}

    def own_welcome(self):
        return {"name": self.name, "work_endpoint": self.sockets.work}

    def say_announce(self, row, body):
        self.send(row, "announce", body)

    def heads(self):
        return [{"bus": stream.bus, "number": stream.head} for stream in self.outbound]

    def positions_in(self, row):
        """How far we are in the streams of `row`, by its numbers of buses."""
        found = []
        for number, bus in enumerate(row.hello["buses"]):
            stream = self.inbound.get((row.id, row.epoch, bus))
            if stream is not None and stream.through is not None:
                found.append({"bus": number, "number": stream.through})
        return found

    def loses(self, kind, body):
        if kind != "notify" or not body["events"] or self.lose_notifies == 0:
            return False
        self.lose_notifies -= 1
        return True

    # Outbound's host: readers are known by the id of the member.

    def link(self, row_id, kind, body):
        if not self.loses(kind, body):
            self.send(self.members.rows[row_id], kind, body)

    def publish(self, kind, body):
        if not self.loses(kind, body):
            self.sent[kind] += 1
            self.sockets.xpub.send(frames.encode(frames.Frame(kind, self.id, self.epoch, NIL, 0, body)))

    def by_socket(self, row_id):
        row = self.members.rows[row_id]
        return self.mode == "broadcast" and barrier(row.id, row.epoch) in self.sockets.barriers

    def wants(self, row_id, keys):
        if self.mode == "broadcast":
            return True
        return any(self.theirs[row_id].wants(bus, keys, number) for number, bus in enumerate(self.buses))

    # -- members come and go

    def dial(self, endpoint):
        return self.sockets.dial(endpoint)

    def met(self, row):
        """Its first HELLO of this life came."""
        self.dial(row.work_endpoint)
        self.sockets.follow(row.id, row.hello["publish_endpoint"])
        for link in self.sockets.links.values():
            if link.peer == (row.id, row.epoch):
                row.link = row.link or link

    def came_up(self, row):
        self.was_up = True
        self.own.say_whole(self.now(), row)
        for bus in row.hello["buses"]:
            if bus in self.buses:
                self.subscribe(row, bus)

    def went_down(self, row):
        self.own.gone(row)
        self.theirs.pop(row.id, None)
        self.waiting_subscribes.pop(row.id, None)
        for stream in self.outbound:
            stream.readers.pop(row.id, None)

    def life_over(self, row, heads):
        self.went_down(row)
        if row.link is not None:
            row.link.peer = None
        for number, bus in enumerate(row.hello["buses"] if row.hello else []):
            stream = self.inbound.pop((row.id, row.epoch, bus), None)
            if stream is None or stream.through is None:
                continue
            head = None if heads is None else next((each["number"] for each in heads if each["bus"] == number), 0)
            if head is None or head > stream.through:
                self.tell_gap(row, bus, stream.through + 1, head)

    def joined(self):
        rows = [row for row in self.members.rows.values() if not row.over]
        return self.now() - self.started > JOIN or (bool(rows) and all(row.up for row in rows)) or not self.seeds

    def subscribe(self, row, bus):
        life = (row.id, row.epoch, bus)
        if life not in self.inbound:
            self.inbound[life] = Inbound(
                lambda number, event: self.tell_event(row, bus, number, event),
                lambda first, last: self.tell_gap(row, bus, first, last),
                lambda after, to: self.send(row, "repair", {"bus": row.hello["buses"].index(bus), "after": after, "to": to}))
            if self.joined():
                self.inbound[life].through = 0
        self.subscribed[life] = self.now()
        self.send(row, "subscribe", {"bus": row.hello["buses"].index(bus), "through": self.inbound[life].through,
                                     "announcement_version": self.own.version})

    def subscribe_again(self, now, row):
        for (node_id, epoch, bus), stream in self.inbound.items():
            if (node_id, epoch) == (row.id, row.epoch):
                if not stream.heard and now - self.subscribed[node_id, epoch, bus] >= AGAIN:
                    self.subscribe(row, bus)
                stream.go_on(now)

    def tell_event(self, row, bus, number, data):
        event = frames.decode_event(data)
        for listener in self.listeners:
            if listener.bus == bus and listener.matches(event):
                listener.tell((row.id, row.epoch), number, ("event", row.name, number, event))

    def tell_gap(self, row, bus, first, last):
        for listener in self.listeners:
            if listener.bus == bus:
                listener.tell((row.id, row.epoch), last, ("gap", row.name, first, last))
