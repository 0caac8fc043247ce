#!/usr/bin/python3
"""The Python peer's codec against the page it was written from: usage page_test.py README."""

import os
import pathlib
import re
import sys
import unittest
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import digests  # noqa: E402
import frames  # noqa: E402
from cases import main  # noqa: E402
from fields import Refused  # noqa: E402

PAGE = pathlib.Path(sys.argv.pop(1)).read_text(encoding="utf-8")
VECTORS = {
    name: bytes.fromhex(text)
    for name, text in re.findall(r"\n`(\w+)`\n\n```\n([0-9a-f\s]+)```", PAGE[PAGE.index("## 7. Test vectors"):])
}
SUBJECT = uuid.UUID("e0e1e2e3-e4e5-e6e7-e8e9-eaebecedeeef")


class PageTest(unittest.TestCase):
    def outcome(self, data):
        with self.assertRaises(Refused) as refused:
            frames.decode(data)
        return refused.exception.outcome

    def test_every_kind_has_a_vector(self):
        """the page has a test vector of every kind that it describes"""
        described = {name.lower() for line in re.findall(r"\n### (.+)\n", PAGE) for name in re.findall(r"([A-Z_]+) \(\d+\)", line)}

        self.assertEqual(set(frames.KINDS), described)
        self.assertEqual(described | {"event"}, set(VECTORS))

    def test_vectors(self):
        """every test vector is read as the kind of its name, and written again it is the same bytes"""
        for name, data in VECTORS.items():
            if name == "event":
                continue
            with self.subTest(name):
                frame = frames.decode(data)
                self.assertEqual(name, frame.kind)
                self.assertEqual(data, frames.encode(frame))

    def test_event_vector(self):
        """the event of the page is read, and written again it is the same bytes"""
        event = frames.decode_event(VECTORS["event"])

        self.assertEqual(["MailboxId:42", "User:bob"], event["keys"])
        self.assertEqual(VECTORS["event"], frames.encode_event(event))

    def test_what_is_wrong_is_named(self):
        """what is wrong with a frame is named in the order of the page"""
        good = VECTORS["ping"]
        self.assertEqual("truncated", self.outcome(good[:55]))
        self.assertEqual("bad_magic", self.outcome(b"XX" + good[2:]))
        self.assertEqual("bad_version", self.outcome(good[:2] + b"\x02" + good[3:]))
        self.assertEqual("bad_length", self.outcome(good[:-1]))
        self.assertEqual("unknown_kind", self.outcome(good[:3] + b"\xfa" + good[4:]))
        self.assertEqual("bad_value", self.outcome(good[:8] + bytes(16) + good[24:]))
        longer = bytearray(good + b"\0")
        longer[4] += 1
        self.assertEqual("trailing_bytes", self.outcome(bytes(longer)))

    def test_hashes(self):
        """hashes and elements are those of the page"""
        rows = dict(re.findall(r"\n\| (.+?) \| ([0-9a-f]{16}) \|", PAGE[PAGE.index("## 5."):PAGE.index("## 6.")]))
        groups = frames.decode(VECTORS["groups"]).body["entries"]
        computed = [
            digests.interest_hash("events", "MailboxId:42"), digests.interest_hash("jmap", "MailboxId:42"),
            digests.interest_hash("events", "User:"), digests.key_element(0x4142434445464748), digests.each_node_element(1),
            digests.member_element(SUBJECT, 4), digests.member_element(SUBJECT, 4, left=True),
            digests.member_element(SUBJECT, 4, forgotten=True), digests.member_element(SUBJECT, 4, left=True, forgotten=True),
            digests.group_element(groups[0]), digests.group_element(groups[1])]

        self.assertEqual([f"{number:016x}" for number in computed], list(rows.values()))


if __name__ == "__main__":
    main()
