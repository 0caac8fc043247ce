"""The types of src/wire/README.md, section 2: each writes a value and reads it back, and refuses what the page forbids.

A type has `put(out, value)`, which appends to a bytearray, and `get(cursor)`.
"""

import re
import struct
import uuid

NIL = uuid.UUID(int=0)


class Refused(Exception):
    """What is wrong with bytes that came: `outcome` is a word of the table in section 2."""

    def __init__(self, outcome, why=""):
        super().__init__(f"{outcome}: {why}" if why else outcome)
        self.outcome = outcome


def require(holds, why):
    if not holds:
        raise Refused("bad_value", why)


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        return len(self.data) - self.at

    def take(self, count):
        if count > self.left():
            raise Refused("truncated", f"{count} bytes at {self.at}, {self.left()} are left")
        taken = self.data[self.at:self.at + count]
        self.at += count
        return taken


class Integer:
    def __init__(self, form, lowest=0, highest=None):
        self.form, self.lowest, self.highest = struct.Struct("<" + form), lowest, highest
        self.smallest = self.form.size

    def check(self, value):
        require(value >= self.lowest and (self.highest is None or value <= self.highest), f"{value} is out of range")
        return value

    def put(self, out, value):
        out += self.form.pack(self.check(value))

    def get(self, cursor):
        return self.check(self.form.unpack(cursor.take(self.form.size))[0])


def u8(lowest=0, highest=None):
    return Integer("B", lowest, highest)


def u16(lowest=0, highest=None):
    return Integer("H", lowest, highest)


def u32(lowest=0, highest=None):
    return Integer("I", lowest, highest)


def u64(lowest=0, highest=None):
    return Integer("Q", lowest, highest)


class Bool(Integer):
    def __init__(self):
        super().__init__("B", 0, 1)

    def get(self, cursor):
        return super().get(cursor) == 1


class Id:
    smallest = 16

    def __init__(self, nil=True):
        self.nil = nil

    def check(self, value):
        require(self.nil or value != NIL, "the id is nil")
        return value

    def put(self, out, value):
        out += self.check(value).bytes

    def get(self, cursor):
        return self.check(uuid.UUID(bytes=bytes(cursor.take(16))))


class Bytes:
    """Bytes behind their length."""

    def __init__(self, length, lowest=0, highest=None):
        self.length, self.lowest, self.highest = length, lowest, highest
        self.smallest = length.smallest + lowest

    def check(self, value):
        require(len(value) >= self.lowest and (self.highest is None or len(value) <= self.highest), f"{len(value)} bytes")
        return value

    def put(self, out, value):
        self.check(value)
        self.length.put(out, len(value))
        out += value

    def get(self, cursor):
        return self.check(bytes(cursor.take(self.length.get(cursor))))


class Text(Bytes):
    """str8 and str16, and names: those have a pattern."""

    def __init__(self, length, lowest=0, highest=None, pattern=None):
        super().__init__(length, lowest, highest)
        self.pattern = re.compile(pattern) if pattern else None

    def check_text(self, value):
        require(not re.search("[\x00-\x1f\x7f-\x9f]", value), "a control character")
        require(self.pattern is None or self.pattern.fullmatch(value), f"{value!r} is not of its form")
        return value

    def put(self, out, value):
        super().put(out, self.check_text(value).encode())

    def get(self, cursor):
        try:
            return self.check_text(super().get(cursor).decode("utf-8", "strict"))
        except UnicodeDecodeError as error:
            raise Refused("bad_value", str(error)) from error


def str8(lowest=0, highest=None, pattern=None):
    return Text(u8(), lowest, highest, pattern)


class Optional:
    smallest = 1

    def __init__(self, inner):
        self.inner = inner

    def put(self, out, value):
        Bool().put(out, value is not None)
        if value is not None:
            self.inner.put(out, value)

    def get(self, cursor):
        return self.inner.get(cursor) if Bool().get(cursor) else None


class Struct:
    """Fields in the order in which they stand; the value is a dictionary. `rule` checks it as a whole."""

    def __init__(self, *fields, rule=None):
        self.fields, self.rule = fields, rule
        self.smallest = sum(kind.smallest for _, kind in fields)

    def check(self, value):
        if self.rule is not None:
            self.rule(value)
        return value

    def put(self, out, value):
        self.check(value)
        for name, kind in self.fields:
            kind.put(out, value[name])

    def get(self, cursor):
        return self.check({name: kind.get(cursor) for name, kind in self.fields})


class List:
    """A count, then so many. `order` gives of an element what must ascend, each once."""

    def __init__(self, count, element, order=None):
        self.count, self.element, self.order = count, element, order
        self.smallest = count.smallest + count.lowest * element.smallest

    def check(self, values):
        if self.order is not None:
            marks = [self.order(value) for value in values]
            require(all(one < next for one, next in zip(marks, marks[1:])), "not ascending, each once")
        return values

    def put(self, out, values):
        self.check(values)
        self.count.put(out, len(values))
        for value in values:
            self.element.put(out, value)

    def get(self, cursor):
        count = self.count.get(cursor)
        # Before memory is taken for a count, it is compared with what is left.
        if count * self.element.smallest > cursor.left():
            raise Refused("truncated", f"{count} elements, {cursor.left()} bytes are left")
        return self.check([self.element.get(cursor) for _ in range(count)])
