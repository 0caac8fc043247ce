"""A listener of the Python peer: what it heard, in order."""


class Listener:
    """Hears the events of one key of a bus, or, without a key, all of them. `heard` holds ("event", publisher's name, number,
    event) and ("gap", publisher's name, first, last or None for all that would have come)."""

    def __init__(self, bus, key, version):
        self.bus, self.key, self.version = bus, key, version
        self.heard, self.starts, self.pending = [], {}, {}

    def matches(self, event):
        return self.key is None or self.key in event["keys"]

    def acknowledged(self, life, version, position):
        """The publisher has matched everything above `position` against our interest."""
        if version < self.version or life in self.starts:
            return
        self.starts[life] = position
        for last, what in self.pending.pop(life, []):
            self.tell(life, last, what)

    def tell(self, life, last, what):
        """`last`: the highest number that `what` is about; None: no end."""
        if life not in self.starts:
            self.pending.setdefault(life, []).append((last, what))
        elif last is None or last > self.starts[life]:
            self.heard.append(what)

    def payloads(self, publisher):
        return [what[3]["payload"].decode() for what in self.heard if what[0] == "event" and what[1] == publisher]

    def gaps(self, publisher):
        return [what[2:] for what in self.heard if what[0] == "gap" and what[1] == publisher]
