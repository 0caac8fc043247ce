"""Who is in the mesh, as src/wire/README.md says: sections 5 and 6, "Meeting" and "Staying". Driven by node.py, which has the
sockets and the clock; `now` is in seconds.
"""

import dataclasses
import random
import uuid

import digests

HEARTBEAT, ONE_SIDED, SUSPICION, DEATH = 0.5, 2.0, 1.5, 3.0
ASK_AGAIN, ASK_FOR = 0.25, 0.5
REASONS = {1: "cluster", 2: "version", 3: "stale_epoch", 4: "twin", 5: "full", 6: "forgotten", 7: "malformed"}
CLUSTER, VERSIONS, STALE_EPOCH, TWIN, FORGOTTEN = 1, 2, 3, 4, 6
ALIVE, SUSPECT, DEAD, LEFT = 0, 1, 2, 3


@dataclasses.dataclass
class Row:
    """One member: its row of the table, and how we stand with its present life."""

    id: uuid.UUID
    epoch: int
    name: str = ""
    work_endpoint: str = ""
    transient: bool = False
    state: int = DEAD
    forgotten: bool = False
    over: bool = False
    hello: dict = None      # its HELLO, once it came
    link: object = None     # ours to it, once it said WELCOME there
    heard: float = -1e9     # when its last frame came
    echoed: float = -1e9    # when a heartbeat of it last echoed a new one of ours
    seq_sent: int = 0
    seq_heard: int = 0
    echo: int = 0
    up: bool = False
    digest_differs: int = 0
    members_said: float = -1e9

    def may_be_alive(self):
        return self.hello is not None and self.state in (ALIVE, SUSPECT) and not self.over

    def reset(self, epoch):
        """The next life begins: nothing but id and name is known of it."""
        self.__init__(self.id, epoch, self.name, self.work_endpoint, self.transient)


class Members:
    """The table. `host` sends: dial(endpoint) -> link, say(link, kind, body, row), answer(route, kind, body, frame)."""

    def __init__(self, host):
        self.host, self.rows, self.asked = host, {}, {}

    def digest(self):
        digest = digests.member_element(self.host.id, self.host.epoch)
        for row in self.rows.values():
            digest ^= digests.member_element(row.id, row.epoch, row.state == LEFT, row.forgotten)
        return digest

    def up(self):
        return [row for row in self.rows.values() if row.up]

    def table(self):
        rows = [
            {"id": row.id, "epoch": row.epoch, "state": row.state, "forgotten": row.forgotten, "transient": row.transient,
             "name": row.name, "work_endpoint": row.work_endpoint}
            for row in self.rows.values()]
        return {"rows": sorted(rows, key=lambda row: row["id"].bytes)[:128]}

    # -- HELLO and its answers

    def hello(self, now, frame, route):
        body, known = frame.body, self.rows.get(frame.sender)
        if body["version_lowest"] > 1:
            return self.reject(route, frame, VERSIONS, "this peer speaks version 1")
        if body["cluster"] != self.host.cluster:
            return self.reject(route, frame, CLUSTER, f"this is cluster {self.host.cluster}")
        if frame.sender == self.host.id:
            return self.hello_of_own_id(frame, route)
        if known is not None and known.forgotten:
            return self.reject(route, frame, FORGOTTEN, "this id was forgotten")
        if known is None:
            known = self.rows[frame.sender] = Row(frame.sender, frame.sender_epoch)
        if frame.sender_epoch == known.epoch and not known.over:
            return self.welcome(now, known, frame, route)
        if known.may_be_alive():
            return self.ask(now, known, frame, route)
        return self.judge(now, known, frame, route)

    def hello_of_own_id(self, frame, route):
        if frame.sender_epoch == self.host.epoch:
            self.host.answer(route, "welcome", self.host.own_welcome(), frame)
        elif frame.sender_epoch > self.host.epoch:
            self.reject(route, frame, TWIN, "another process has this id", self.host.epoch)
        elif self.up():
            self.host.answer(route, "fenced", {"epoch": self.host.epoch}, frame)

    def reject(self, route, frame, reason, text, epoch=0):
        self.host.answer(route, "reject", {
            "reason": reason, "text": text, "epoch": epoch, "version_lowest": 1, "version_highest": 1}, frame)

    def welcome(self, now, row, frame, route):
        first = row.hello is None
        row.hello, row.name = frame.body, frame.body["name"]
        row.work_endpoint, row.transient = frame.body["work_endpoint"], frame.body["transient"]
        row.heard, row.state, row.over = now, ALIVE, False
        self.host.answer(route, "welcome", self.host.own_welcome(), frame)
        if first:
            self.host.met(row)
            self.tell_table()

    def judge(self, now, row, frame, route):
        """A life that is not the known one, and the known one does not speak for itself."""
        if frame.sender_epoch <= row.epoch:
            return self.reject(route, frame, STALE_EPOCH, "a later life was seen", row.epoch)
        self.end_life(row)
        row.reset(frame.sender_epoch)
        return self.welcome(now, row, frame, route)

    def ask(self, now, row, frame, route):
        asked = self.asked.get(row.id)
        if asked is None:
            self.asked[row.id] = {"since": now, "again": now + ASK_AGAIN, "frame": frame, "route": route}
            self.host.send(row, "ping", {"nonce": random.getrandbits(64)})
        elif frame.sender_epoch >= asked["frame"].sender_epoch:
            asked["frame"], asked["route"] = frame, route

    def pong(self, row):
        asked = self.asked.pop(row.id, None)
        if asked is not None:
            self.reject(asked["route"], asked["frame"], TWIN, "the known life answers", row.epoch)

    def end_life(self, row):
        if not row.over and row.hello is not None:
            row.over = True
            self.host.life_over(row, None)

    # -- what members say

    def heartbeat(self, now, row, body):
        row.seq_heard = max(row.seq_heard, body["seq"])
        if body["echo"] > row.echo:
            row.echo, row.echoed = body["echo"], now
        row.digest_differs = row.digest_differs + 1 if body["members_digest"] != self.digest() else 0
        if row.digest_differs >= 2 and now - row.members_said >= 2:
            self.say_table(now, row)

    def say_table(self, now, row):
        row.members_said = now
        self.host.send(row, "members", self.table())

    def tell_table(self):
        for row in self.up():
            self.say_table(self.host.now(), row)

    def heard_of(self, body):
        for said in body["rows"]:
            if said["id"] == self.host.id:
                continue
            row = self.rows.get(said["id"])
            if row is None:
                row = self.rows[said["id"]] = Row(
                    said["id"], said["epoch"], said["name"], said["work_endpoint"], said["transient"], said["state"])
                row.forgotten, row.over = said["forgotten"], said["forgotten"] or said["state"] == LEFT
                if row.work_endpoint and not row.over:
                    self.host.dial(row.work_endpoint)
            elif said["epoch"] > row.epoch and not row.may_be_alive():
                self.end_life(row)
                row.reset(said["epoch"])
            elif said["epoch"] == row.epoch and (said["forgotten"] or said["state"] == LEFT):
                self.end_life(row)
                row.state, row.forgotten, row.up = LEFT, row.forgotten or said["forgotten"], False

    def goodbye(self, row, body):
        row.state, row.up, row.over = LEFT if body["for_good"] else DEAD, False, True
        self.host.life_over(row, body["heads"])

    def forget(self, node_id):
        row = self.rows.get(node_id)
        if row is not None:
            self.end_life(row)
            row.forgotten, row.up, row.over = True, False, True

    # -- time

    def tick(self, now):
        for row in list(self.rows.values()):
            self.judge_silence(now, row)
            self.judge_up(now, row)
        for node_id, asked in list(self.asked.items()):
            if now >= asked["again"]:
                asked["again"] = float("inf")
                self.host.send(self.rows[node_id], "ping", {"nonce": random.getrandbits(64)})
            if now - asked["since"] >= ASK_FOR:
                del self.asked[node_id]
                self.judge(now, self.rows[node_id], asked["frame"], asked["route"])

    def judge_silence(self, now, row):
        if row.over or row.state == LEFT:
            return
        silence = now - row.heard
        before, row.state = row.state, ALIVE if silence < SUSPICION else SUSPECT if silence < DEATH else DEAD
        if before == ALIVE and row.state == SUSPECT:
            others = [other for other in self.up() if other is not row]
            for other in random.sample(others, min(2, len(others))):
                nonce = random.getrandbits(64)
                self.host.send(other, "probe", {"subject": row.id, "subject_epoch": row.epoch, "nonce": nonce})

    def judge_up(self, now, row):
        hears_us = now - row.echoed < ONE_SIDED
        up = row.hello is not None and row.link is not None and hears_us and row.state in (ALIVE, SUSPECT) and not row.over
        was, row.up = row.up, up
        if up and not was:
            self.say_table(now, row)
            self.host.came_up(row)
        if was and not up:
            self.host.went_down(row)
