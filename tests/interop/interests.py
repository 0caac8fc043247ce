"""Who listens to what, as src/wire/README.md says: section 6, "Announcing interest". Ours towards the members, and theirs."""

import dataclasses

import digests

PART = 8064
AGAIN = 1.0


class Own:
    """The set that this node announces; `say(row, body)` sends one ANNOUNCE."""

    def __init__(self, say):
        self.say, self.version, self.hashes, self.each_node = say, 1, set(), set()
        self.acknowledged, self.said = {}, {}

    def digest(self):
        return digests.announcement_digest(self.hashes, self.each_node)

    def frame(self, base, part, parts, added, removed):
        return {"base": base, "version": self.version, "part": part, "parts": parts, "each_node": sorted(self.each_node),
                "added": sorted(added), "removed": sorted(removed)}

    def say_whole(self, now, row):
        hashes = sorted(self.hashes)
        parts = [hashes[at:at + PART] for at in range(0, len(hashes), PART)] or [[]]
        for number, part in enumerate(parts):
            self.say(row, self.frame(0, number, len(parts), part, []))
        self.said[row.id] = now

    def change(self, now, rows, added=(), removed=(), each_node=()):
        added, removed = set(added) - self.hashes, set(removed) & self.hashes
        self.version += 1
        self.hashes = (self.hashes | added) - removed
        self.each_node |= set(each_node)
        for row in rows:
            self.say(row, self.frame(self.version - 1, 0, 1, added, removed))
            self.said[row.id] = now
        return self.version

    def is_acknowledged(self, row):
        return self.acknowledged.get(row.id, 0) >= self.version

    def gone(self, row):
        self.acknowledged.pop(row.id, None)


@dataclasses.dataclass
class Theirs:
    """What one member announced; `version` 0 means that no set of it is in force."""

    version: int = 0
    hashes: set = dataclasses.field(default_factory=set)
    each_node: set = dataclasses.field(default_factory=set)
    parts: dict = dataclasses.field(default_factory=dict)
    differs: int = 0

    def digest(self):
        return digests.announcement_digest(self.hashes, self.each_node)

    def take(self, body):
        """"acknowledge", "request" or "wait"."""
        if body["base"] == 0:
            return self.take_part(body)
        if body["version"] == self.version:
            return "acknowledge"
        if body["base"] != self.version or self.version == 0:
            return "wait" if body["version"] < self.version else "request"
        self.hashes = (self.hashes | set(body["added"])) - set(body["removed"])
        self.version, self.each_node = body["version"], set(body["each_node"])
        return "acknowledge"

    def take_part(self, body):
        if any(part["version"] != body["version"] for part in self.parts.values()):
            self.parts = {}
        self.parts[body["part"]] = body
        if len(self.parts) < body["parts"]:
            return "wait"
        self.hashes = {each for part in self.parts.values() for each in part["added"]}
        self.version, self.each_node, self.parts = body["version"], set(body["each_node"]), {}
        return "acknowledge"

    def heartbeat(self, version, digest):
        """Whether the whole set must be asked for: two heartbeats in a row differ from what is in force."""
        self.differs = self.differs + 1 if (version, digest) != (self.version, self.digest()) else 0
        return self.differs >= 2

    def wants(self, bus_name, keys, bus_number):
        return bus_number in self.each_node or any(digests.interest_hash(bus_name, key) in self.hashes for key in keys)
