"""What the Python peer does with the frames that come: src/wire/README.md, section 6, by kind."""

import json

import frames
from fields import NIL
from interests import Theirs
from members import FORGOTTEN, REASONS, STALE_EPOCH, TWIN
from streams import REPORT, Outbound

SELDOM = 30.0
UNKNOWN_GROUP, NOT_SUPPORTED, NOT_FOUND = 7, 15, 23
# What a node answers that owes nothing to any group: an object, or a code with a sentence.
NOTHING = {
    "groups": {"items": []}, "event": {"items": []}, "tasks": {"items": []}, "letters": {"more": False, "items": []},
    "letters.count": {"count": 0}, "letters.remove": {"count": 0}, "letter": NOT_FOUND, "task": NOT_FOUND,
    "task.cancel": NOT_FOUND, "group.release": UNKNOWN_GROUP,
}


class Handlers:
    """A part of Node."""

    def came(self, frame, link, route):
        if frame.to not in (NIL, self.id) or frame.to_epoch not in (0, self.epoch):
            return
        now, row = self.now(), self.members.rows.get(frame.sender)
        if frame.kind == "hello":
            if route is not None:
                self.members.hello(now, frame, route)
            return
        if link is not None and frame.kind in ("welcome", "reject", "fenced"):
            getattr(self, "on_link_" + frame.kind)(now, link, frame)
        if row is None or row.epoch != frame.sender_epoch or row.over:
            return
        row.heard = now
        self.heard[frame.kind] += 1
        handler = getattr(self, "on_" + frame.kind, None)
        if handler is not None:
            handler(now, row, frame.body, route)

    def on_link_welcome(self, now, link, frame):
        if frame.sender == self.id:
            return self.sockets.hang_up(link.endpoint)
        link.peer = (frame.sender, frame.sender_epoch)
        row = self.members.rows.get(frame.sender)
        if row is not None and row.epoch == frame.sender_epoch and row.link is None:
            row.link = link
        for silent in self.members.rows.values():
            if silent.id != frame.sender and silent.work_endpoint == link.endpoint and not silent.may_be_alive():
                self.members.end_life(silent)
        return None

    def on_link_reject(self, now, link, frame):
        reason = frame.body["reason"]
        self.rejections.append(REASONS.get(reason, "malformed"))
        if reason in (TWIN, FORGOTTEN):
            self.ended = REASONS[reason]
        elif reason == STALE_EPOCH and frame.body["epoch"] >= self.epoch:
            self.begin_life(frame.body["epoch"] + 1)
        elif reason != STALE_EPOCH:
            link.hello_at = now + SELDOM

    def on_link_fenced(self, now, link, frame):
        if frame.body["epoch"] > self.epoch:
            self.ended = "fenced"

    def begin_life(self, epoch):
        """Goes on as a later life: what was published begins anew when somebody had heard of it."""
        former, self.epoch = self.epoch, epoch
        self.sockets.live(self.id, epoch, former)
        if self.was_up:
            self.outbound = [Outbound(number, self) for number in range(len(self.buses))]
        for row in self.members.rows.values():
            row.link, row.up, row.seq_heard, row.echo = None, False, 0, 0
            self.went_down(row)
        for endpoint in {*self.seeds, *(row.work_endpoint for row in self.members.rows.values())} - {""}:
            self.dial(endpoint)

    def on_reject(self, now, row, body, route):
        pass  # judged by the link it came on

    def on_heartbeat(self, now, row, body, route):
        self.members.heartbeat(now, row, body)
        self.on_report(now, row, body, route)
        theirs = self.theirs.get(row.id)
        if row.up and theirs and theirs.heartbeat(body["announcement_version"], body["announcement_digest"]):
            theirs.differs = 0
            self.send(row, "announce_request", {"have": theirs.version})

    def on_ping(self, now, row, body, route):
        if row.link is not None:
            self.send(row, "pong", body)
        elif route is not None:
            self.answer(route, "pong", body, frames.Frame("ping", row.id, row.epoch, self.id, self.epoch, body))

    def on_pong(self, now, row, body, route):
        self.members.pong(row)

    def on_probe(self, now, row, body, route):
        subject = self.members.rows.get(body["subject"])
        known = subject is not None and subject.epoch == body["subject_epoch"] and now - subject.heard < 1.5
        self.send(row, "probe_answer", {**body, "heard_ago_ms": int((now - subject.heard) * 1000) if known else None})

    def on_probe_answer(self, now, row, body, route):
        subject = self.members.rows.get(body["subject"])
        if subject is not None and subject.epoch == body["subject_epoch"] and body["heard_ago_ms"] is not None:
            subject.heard = max(subject.heard, now - 1.5)  # kept suspect, not dead

    def on_members(self, now, row, body, route):
        self.members.heard_of(body)

    def on_goodbye(self, now, row, body, route):
        self.members.goodbye(row, body)

    def on_forget(self, now, row, body, route):
        if body["id"] == self.id:
            self.ended = "forgotten"
        self.members.forget(body["id"])

    def on_announce(self, now, row, body, route):
        theirs = self.theirs.setdefault(row.id, Theirs())
        verdict = theirs.take(body)
        if verdict == "request":
            self.send(row, "announce_request", {"have": theirs.version})
        elif verdict == "acknowledge":
            self.send(row, "announce_ack", {"version": theirs.version, "positions": self.heads()})
            for waiting in self.waiting_subscribes.pop(row.id, []):
                self.on_subscribe(now, row, waiting, route)

    def on_announce_request(self, now, row, body, route):
        self.own.say_whole(now, row)
        for bus in row.hello["buses"]:
            if bus in self.buses:
                self.subscribe(row, bus)

    def on_announce_ack(self, now, row, body, route):
        self.own.acknowledged[row.id] = max(self.own.acknowledged.get(row.id, 0), body["version"])
        for position in body["positions"]:
            bus = row.hello["buses"][position["bus"]]
            stream = self.inbound.get((row.id, row.epoch, bus))
            if stream is not None:
                stream.begin(now, position["number"])
            for listener in self.listeners:
                if listener.bus == bus:
                    listener.acknowledged((row.id, row.epoch), body["version"], position["number"])

    def on_subscribe(self, now, row, body, route):
        theirs = self.theirs.get(row.id)
        if body["bus"] >= len(self.buses):
            return
        if theirs is None or theirs.version < body["announcement_version"]:
            self.waiting_subscribes.setdefault(row.id, []).append(body)
        else:
            self.outbound[body["bus"]].subscribe(row.id, body)

    def on_notify(self, now, row, body, route):
        stream = self.stream_of(row, body)
        if self.lose_arriving and body["events"]:
            self.lose_arriving -= 1
        elif stream is not None:
            stream.notify(now, body)
            if body["flags"] & REPORT and stream.through is not None:
                self.send(row, "report", {"through": self.positions_in(row)})

    def on_gap(self, now, row, body, route):
        stream = self.stream_of(row, body)
        if stream is not None:
            stream.missed(now, body)

    def stream_of(self, row, body):
        if row.hello is None or body["bus"] >= len(row.hello["buses"]):
            return None
        return self.inbound.get((row.id, row.epoch, row.hello["buses"][body["bus"]]))

    def on_repair(self, now, row, body, route):
        if body["bus"] < len(self.buses):
            self.outbound[body["bus"]].repair(row.id, body)

    def on_report(self, now, row, body, route):
        for position in body["through"]:
            if position["bus"] < len(self.buses):
                self.outbound[position["bus"]].report(row.id, position["number"])

    # -- group work, of which this peer has none

    def on_groups(self, now, row, body, route):
        for entry in body["entries"]:
            known = self.groups.get((entry["bus"], entry["group"]))
            if known is None or (known["version"], known["writer"].bytes) < (entry["version"], entry["writer"].bytes):
                self.groups[entry["bus"], entry["group"]] = entry
        if body["request"]:
            self.send(row, "groups_ack", {"request": body["request"]})

    def on_query(self, now, row, body, route):
        self.send(row, "unknown", {"numbers": body["numbers"]})

    def on_claim(self, now, row, body, route):
        self.send(row, "claim_answer", {"request": body["request"], "highest_epoch": 0, "witness": 0, "last": True, "states": []})

    def on_adopted(self, now, row, body, route):
        if body["last"]:
            self.send(row, "adopted_answer", {"owner": body["owner"], "epoch": body["epoch"], "last": True, "states": []})

    def on_ask(self, now, row, body, route):
        answer = NOTHING.get(body["operation"], NOT_SUPPORTED)
        code, text = (0, json.dumps(answer)) if isinstance(answer, dict) else (answer, "this peer has no group work")
        self.send(row, "reply", {"request": body["request"], "code": code, "part": 0, "parts": 1, "body": text.encode()})
