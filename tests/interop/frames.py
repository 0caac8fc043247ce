"""Frames and events of src/wire/README.md: sections 2, 3 and 4, to bytes and back."""

import dataclasses
import struct
import uuid

from fields import NIL, Bool, Bytes, Cursor, Id, Integer, List, Optional, Refused, Struct, Text, require, str8, u8, u16, u32, u64

NAME = str8(1, 64, "[A-Za-z0-9._-]+")
ENDPOINT = str8(1, 255, r"tcp://.+:\d+")
PART_NAME = str8(1, 255, "[A-Za-z0-9._$-]+")
BUS = u16(0, 15)
POSITIONS = List(u16(0, 16), Struct(("bus", BUS), ("number", u64())), lambda each: each["bus"])
MILLISECONDS = u64(0, 2**63 - 1)
GROUP = u64()
WORK_NAME = Struct(("owner", Id()), ("epoch", u64(1)), ("seq", u64()), ("group", GROUP), ("generation", u32()))
CUSTODY = Struct(("counter", u32()), ("node", Id()), ("epoch", u64()))
STATES = List(u16(0, 4000), Struct(
    ("name", WORK_NAME), ("state", u8(1, 9)), ("attempt", u32()), ("error", Bytes(u16(), 0, 1024))))


class Or:
    """A text that is of one form, or empty."""

    def __init__(self, inner):
        self.inner, self.smallest = inner, 1

    def put(self, out, value):
        (self.inner if value else str8()).put(out, value)

    def get(self, cursor):
        empty = cursor.left() > 0 and cursor.data[cursor.at] == 0
        return (str8() if empty else self.inner).get(cursor)


class Ranges(List):
    def __init__(self, lowest=0):
        super().__init__(u16(lowest, 4000), Struct(("first", u64(1)), ("last", u64())))

    def check(self, values):
        last = -1
        for each in values:
            require(each["first"] <= each["last"] and each["first"] > last + 1, "ranges touch or fall")
            last = each["last"]
        return values


class Jitter(Integer):
    """Bits of a double between 0 and 1, not minus 0."""

    def __init__(self):
        super().__init__("d", 0.0, 1.0)

    def check(self, value):
        require(struct.pack("<d", value) != struct.pack("<d", -0.0), "minus 0")
        return super().check(value)


def check_hello(value):
    require(1 <= value["version_lowest"] <= value["version_highest"], "the versions")
    require(len(set(value["buses"])) == len(value["buses"]), "a bus stands there twice")


def check_announce(value):
    require(value["base"] == 0 or value["version"] > value["base"], "the version is not above base")
    require(value["part"] < value["parts"], "part and parts")
    require(value["base"] == 0 or value["parts"] == 1, "a change in parts")
    require(value["base"] != 0 or not value["removed"], "a whole set removes nothing")
    require(not set(value["added"]) & set(value["removed"]), "added and removed")
    require(len(value["added"]) + len(value["removed"]) <= 8064, "too many hashes")


def check_notify(value):
    require(value["after"] <= value["to"], "after and to")
    require(all(each["delta"] <= value["to"] - value["after"] for each in value["events"]), "a number above to")


def ascending(item):
    return item


def holds(condition, why):
    return lambda value: require(condition(value), why)


HASHES = List(u32(), u64(), ascending)
MEMBER = Struct(
    ("id", Id(nil=False)), ("epoch", u64()), ("state", u8(0, 3)), ("forgotten", Bool()), ("transient", Bool()),
    ("name", Or(NAME)), ("work_endpoint", Or(ENDPOINT)))
GROUP_ENTRY = Struct(
    ("bus", PART_NAME), ("group", PART_NAME), ("present", Bool()), ("paused", Bool()),
    ("pause_reason", Text(u16(), 0, 1024)), ("critical", Bool()), ("version", u64(1)), ("writer", Id()),
    ("max_retries", u32()), ("first", MILLISECONDS), ("cap", MILLISECONDS), ("jitter", Jitter()),
    ("backlog_max", u64(1, 100_000_000)), ("backlog_bytes_max", u64(1_048_576)), ("refuse_at_backlog", Bool()),
    rule=holds(lambda value: value["paused"] or not value["pause_reason"], "a reason without a pause"))
DELIVERY = Struct(
    ("name", WORK_NAME), ("attempt", u32(1)), ("custody", CUSTODY), ("possibly_duplicate", Bool()), ("suspect", Bool()),
    ("event", Bytes(u32(), 1)))
VERDICT = Struct(
    ("number", u64(1)), ("ending", u8(1, 5)), ("not_before", MILLISECONDS), ("error", Bytes(u16(), 0, 1024)))

KINDS = {
    "hello": (1, Struct(
        ("version_lowest", u8()), ("version_highest", u8()), ("cluster", str8(1)), ("name", NAME), ("mode", u8(1, 2)),
        ("transient", Bool()), ("work_endpoint", ENDPOINT), ("publish_endpoint", ENDPOINT),
        ("buses", List(u16(1, 16), PART_NAME)), ("announcement_version", u64()), ("announcement_digest", u64()),
        rule=check_hello)),
    "welcome": (2, Struct(("name", NAME), ("work_endpoint", ENDPOINT))),
    "reject": (3, Struct(
        ("reason", u8()), ("text", Text(u16(), 0, 1024)), ("epoch", u64()), ("version_lowest", u8()),
        ("version_highest", u8()))),
    "heartbeat": (4, Struct(
        ("seq", u64()), ("echo", u64()), ("announcement_version", u64()), ("announcement_digest", u64()),
        ("members_digest", u64()), ("heads", POSITIONS), ("through", POSITIONS))),
    "ping": (5, Struct(("nonce", u64()))),
    "pong": (6, Struct(("nonce", u64()))),
    "probe": (7, Struct(("subject", Id(nil=False)), ("subject_epoch", u64()), ("nonce", u64()))),
    "probe_answer": (8, Struct(
        ("subject", Id(nil=False)), ("subject_epoch", u64()), ("nonce", u64()), ("heard_ago_ms", Optional(u32())))),
    "members": (9, Struct(("rows", List(u16(0, 128), MEMBER, lambda row: row["id"].bytes)))),
    "goodbye": (10, Struct(("for_good", Bool()), ("returns_in_ms", u32()), ("heads", POSITIONS))),
    "fenced": (11, Struct(("epoch", u64()))),
    "one_way": (12, Struct(("endpoint", ENDPOINT))),
    "forget": (13, Struct(("id", Id(nil=False)))),
    "announce": (20, Struct(
        ("base", u64()), ("version", u64()), ("part", u32()), ("parts", u32(1, 256)),
        ("each_node", List(u16(), BUS, ascending)), ("added", HASHES), ("removed", HASHES), rule=check_announce)),
    "announce_ack": (21, Struct(("version", u64()), ("positions", POSITIONS))),
    "announce_request": (22, Struct(("have", u64()))),
    "subscribe": (30, Struct(("bus", BUS), ("through", Optional(u64())), ("announcement_version", u64()))),
    "notify": (31, Struct(
        ("bus", BUS), ("flags", u8(0, 3)), ("after", u64()), ("to", u64()),
        ("events", List(u32(), Struct(("delta", u32(1)), ("event", Bytes(u32(), 1))), lambda each: each["delta"])),
        rule=check_notify)),
    "gap": (32, Struct(
        ("bus", BUS), ("reason", u8(0, 3)), ("from", u64(1)), ("to", u64()),
        rule=holds(lambda value: value["from"] <= value["to"], "from and to"))),
    "repair": (33, Struct(
        ("bus", BUS), ("after", u64()), ("to", u64()), rule=holds(lambda value: value["after"] < value["to"], "after and to"))),
    "report": (34, Struct(("through", POSITIONS))),
    "groups": (40, Struct(
        ("request", u64()),
        ("entries", List(u16(1, 1024), GROUP_ENTRY, lambda each: (each["bus"].encode(), each["group"].encode()))))),
    "groups_ack": (41, Struct(("request", u64(1)))),
    "runs": (42, Struct(
        ("version", u64(1)),
        ("entries", List(u16(0, 1024), Struct(("group", GROUP), ("slots", u32(1))), lambda each: each["group"])))),
    "credit": (43, Struct(
        ("entries", List(u16(1, 1024), Struct(("group", GROUP), ("limit", u64())), lambda each: each["group"])))),
    "deliver": (44, Struct(("first", u64(1)), ("deliveries", List(u16(1, 1024), DELIVERY)))),
    "verdicts": (45, Struct(("verdicts", List(u16(1, 4000), VERDICT, lambda each: each["number"])))),
    "retired": (46, Struct(("through", u64()), ("also", Ranges()))),
    "work_beat": (47, Struct(
        ("received", u64()), ("open", Ranges()), ("groups_digest", u64()), ("runs_version", u64()), ("sent", u64()),
        ("heard", u64()))),
    "query": (48, Struct(("numbers", Ranges(1)))),
    "unknown": (49, Struct(("numbers", Ranges(1)))),
    "copy": (50, Struct(
        ("set_version", u64(1)), ("begin", Bool()), ("end", Bool()), ("from", u64()), ("to", u64()),
        ("records", List(u16(0, 4000), Bytes(u32(), 1))))),
    "copied": (51, Struct(("set_version", u64(1)), ("to", u64()))),
    "guard": (52, Struct(("set_version", u64(1)), ("found", u64()), ("guardians", List(u16(0, 64), Id(nil=False))))),
    "adopted": (53, Struct(
        ("owner", Id()), ("epoch", u64(1)), ("set_version", u64()), ("to", u64()), ("counter", u32(1)),
        ("last", Bool()), ("letters", Bool()),
        ("groups", List(u16(0, 1024), Struct(("group", GROUP), ("seqs", Ranges(1))), lambda each: each["group"])))),
    "adopted_answer": (54, Struct(("owner", Id()), ("epoch", u64(1)), ("last", Bool()), ("states", STATES))),
    "claim": (55, Struct(("request", u64(1)))),
    "claim_answer": (56, Struct(
        ("request", u64(1)), ("highest_epoch", u64()), ("witness", u64()), ("last", Bool()), ("states", STATES))),
    "stale": (57, Struct(("name", WORK_NAME), ("custody", CUSTODY))),
    "ask": (60, Struct(("request", u64(1)), ("operation", str8(1, 64)), ("arguments", Bytes(u32(), 0, 65536)))),
    "reply": (61, Struct(
        ("request", u64(1)), ("code", u16()), ("part", u32()), ("parts", u32(1, 1024)), ("body", Bytes(u32(), 0, 65536)))),
}
NAMES = {number: name for name, (number, _) in KINDS.items()}

HEADER = struct.Struct("<2sBBI16sQ16sQ")
MAGIC = b"EM"
VERSION = 1


@dataclasses.dataclass
class Frame:
    kind: str
    sender: uuid.UUID
    sender_epoch: int
    to: uuid.UUID
    to_epoch: int
    body: dict


def encode(frame):
    number, body_type = KINDS[frame.kind]
    body = bytearray()
    body_type.put(body, frame.body)
    return HEADER.pack(MAGIC, VERSION, number, len(body), frame.sender.bytes, frame.sender_epoch, frame.to.bytes,
                       frame.to_epoch) + bytes(body)


def decode(data):
    """The frame; raises Refused with the first thing that is wrong."""
    if len(data) < HEADER.size:
        raise Refused("truncated", "the header")
    magic, version, number, length, sender, sender_epoch, to, to_epoch = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise Refused("bad_magic")
    if version != VERSION:
        raise Refused("bad_version", str(version))
    if length != len(data) - HEADER.size:
        raise Refused("bad_length", f"{length} said, {len(data) - HEADER.size} there")
    if number not in NAMES:
        raise Refused("unknown_kind", str(number))
    require(sender != NIL.bytes and sender_epoch != 0, "the sender")
    cursor = Cursor(memoryview(data)[HEADER.size:])
    body = KINDS[NAMES[number]][1].get(cursor)
    if cursor.left():
        raise Refused("trailing_bytes")
    return Frame(NAMES[number], uuid.UUID(bytes=sender), sender_epoch, uuid.UUID(bytes=to), to_epoch, body)


EVENT = Struct(
    ("format", u8(1, 1)), ("payload_format", u8(0, 2)), ("id", Id(nil=False)), ("time", Integer("q", -2**63)),
    ("type", str8(1)), ("user", str8()), ("keys", List(u16(0, 256), str8(1, 255, ".+?:.*"), lambda key: key.encode())),
    ("headers", List(u8(0, 32), Struct(("name", Bytes(u16())), ("value", Bytes(u16()))), lambda header: header["name"])),
    ("payload", Bytes(u32())),
    rule=holds(lambda value: value["time"] != 0, "no time"))


def encode_event(event):
    out = bytearray()
    EVENT.put(out, event)
    return bytes(out)


def decode_event(data):
    cursor = Cursor(memoryview(data))
    event = EVENT.get(cursor)
    if cursor.left():
        raise Refused("trailing_bytes")
    return event
