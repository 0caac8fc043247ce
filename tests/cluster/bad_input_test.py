#!/usr/bin/python3
"""Bytes that no node sends, on every socket: usage bad_input_test.py PEER-PROGRAM.

The process lives, each thing dropped is counted, and nothing of what good nodes send is lost.
"""

import random
import socket
import struct
import time
import unittest
import uuid

import mesh
from mesh import MeshCase

try:
    import zmq
except ImportError:
    zmq = None

HELLO, REJECT, HEARTBEAT, NOTIFY = 1, 3, 4, 31
STALE_EPOCH, TWIN, VERSION = 3, 4, 2


def frame(kind, body=b"", version=1, sender=b"\x07" * 16, epoch=1, magic=b"EM", length=None):
    length = len(body) if length is None else length
    return struct.pack("<2sBBI16sQ16sQ", magic, version, kind, length, sender, epoch, bytes(16), 0) + body


# ZMTP 3.0, as a client without encryption begins.
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\x00") + bytes(32)


def ready(kind):
    body = b"\x05READY\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind
    return b"\x04" + bytes([len(body)]) + body


def port_of(endpoint):
    return int(endpoint.rsplit(":", 1)[1])


def str8(text):
    return bytes([len(text)]) + text


def hello(lowest=1, highest=1, cluster=b"evmesh", name=b"ghost", **header):
    endpoint = str8(b"tcp://127.0.0.1:1")
    body = bytes([lowest, highest]) + str8(cluster) + str8(name) + bytes([2, 0]) + endpoint + endpoint
    body += struct.pack("<H", 1) + str8(b"events") + struct.pack("<QQ", 0, 0)
    return frame(HELLO, body, version=lowest, **header)


@unittest.skipIf(zmq is None, "python3-zmq is not installed")
class BadInputTest(MeshCase):
    def setUp(self):
        super().setUp()
        self.context = zmq.Context()
        self.addCleanup(self.context.destroy, linger=0)

    def dealer(self, peer, sender=b"\x07" * 16, epoch=1):
        dealer = self.context.socket(zmq.DEALER)
        dealer.routing_id = b"\x01" + sender + struct.pack("<QI", epoch, random.randrange(1 << 31, 1 << 32))
        dealer.connect(peer.listen)
        return dealer

    def dropped(self, peer):
        counters = peer.status()["counters"]
        return sum(value for name, value in counters.items() if "dropped_total" in name or "malformed" in name or
                   "rejected" in name)

    def start_pair(self):
        """Two good nodes with a load between them."""
        a, b = self.mesh("ab")
        self.listen(b)
        self.load(a, "from-a", rate=500)
        return a, b

    def check_nothing_lost(self, a, b):
        self.wait_sent(a, "from-a", 100)
        self.stop_load(a, "from-a")
        sent = self.sent("from-a")
        self.wait_heard_up_to(b, a, max(sent))
        self.check_all(sent, *self.heard_from(b, a.id, a.epoch))
        self.wait_in_touch([a, b])

    def expect_reason(self, peer, reason, data):
        name = f'evmesh_frames_dropped_total{{reason="{reason}"}}'
        before = peer.counter(name)
        dealer = self.dealer(peer)
        dealer.send(data)
        self.wait(f"{reason} is counted", lambda: peer.counter(name) > before)
        dealer.close(linger=0)

    def test_bad_frames(self):
        """each kind of broken frame is dropped and counted under its reason"""
        a, b = self.start_pair()

        self.expect_reason(b, "truncated", frame(HEARTBEAT)[:30])
        self.expect_reason(b, "bad_magic", frame(HEARTBEAT, magic=b"XX"))
        self.expect_reason(b, "bad_version", frame(HEARTBEAT, version=9))
        self.expect_reason(b, "bad_length", frame(HEARTBEAT, b"123", length=77))
        self.expect_reason(b, "unknown_kind", frame(200))
        self.expect_reason(b, "bad_value", hello(cluster=b"\xff\xfe"))
        self.expect_reason(b, "bad_value", frame(HEARTBEAT, bytes(500), epoch=0))
        self.expect_reason(b, "trailing_bytes", frame(5, bytes(9)))

        self.check_nothing_lost(a, b)

    def test_wrong_version(self):
        """a node of a version that nobody here speaks is told so"""
        a, b = self.start_pair()
        dealer = self.dealer(b)

        dealer.send(hello(lowest=9, highest=9))

        self.assertEqual(VERSION, self.reject_reason(dealer))
        self.check_nothing_lost(a, b)

    def reject_reason(self, dealer):
        end = time.monotonic() + mesh.DEADLINE
        while time.monotonic() < end:
            if dealer.poll(1000):
                answer = dealer.recv()
                if answer[3] == REJECT:
                    return answer[56]
        self.fail("no REJECT came")

    def test_replayed_life(self):
        """a HELLO and an event under a member's earlier epoch are refused, and the member stays"""
        a, b = self.start_pair()
        a_id = uuid.UUID(a.id).bytes
        dealer = self.dealer(b, a_id, a.epoch - 1)
        before = self.dropped(b)

        event = b"\x01\x00" + b"\x09" * 16 + struct.pack("<q", 1) + str8(b"test") + str8(b"")
        event += struct.pack("<H", 1) + str8(b"K:1") + b"\x00" + struct.pack("<I", 6) + b"forged"
        notify = struct.pack("<HBQQI", 0, 0, 0, 1 << 40, 1) + struct.pack("<II", 1, len(event)) + event
        dealer.send(frame(NOTIFY, notify, sender=a_id, epoch=a.epoch - 1))
        dealer.send(hello(name=b"a", sender=a_id, epoch=a.epoch - 1))

        self.assertIn(self.reject_reason(dealer), (STALE_EPOCH, TWIN))
        self.wait("the event is dropped", lambda: self.dropped(b) > before)
        self.check_nothing_lost(a, b)
        self.assertEqual(a.epoch, b.status()["members"]["a"]["epoch"])
        with open(self.path("b.l.heard"), encoding="utf-8") as ledger:
            self.assertNotIn("forged", ledger.read())

    def test_random_frames(self):
        """random frames, broken copies of good ones and many parts do no harm"""
        a, b = self.start_pair()
        dice = random.Random(20240229)
        before = self.dropped(b)

        for _ in range(20):
            dealer = self.dealer(b)
            for _ in range(100):
                good = bytearray(hello(name=b"ghost"))
                for _ in range(dice.randint(1, 4)):
                    good[dice.randrange(len(good))] = dice.randrange(256)
                dealer.send(bytes(good[: dice.randint(0, len(good))]))
                dealer.send(dice.randbytes(dice.randint(0, 300)))
            dealer.send_multipart([b"", b"EM", dice.randbytes(10)])
            dealer.close(linger=2000)

        self.wait("they are counted", lambda: self.dropped(b) > before + 1000)
        self.check_nothing_lost(a, b)

    def test_oversized_frame(self):
        """a message beyond the limit ends its connection at the length it claims, and its sender's only"""
        a, b = self.start_pair()

        for endpoint, kind in ((b.listen, b"DEALER"), (b.publish, b"SUB")):
            raw = socket.create_connection(("127.0.0.1", port_of(endpoint)), timeout=mesh.DEADLINE)
            raw.sendall(GREETING + ready(kind))
            raw.sendall(b"\x02" + struct.pack(">Q", 1 << 40) + bytes(1000))
            try:
                while raw.recv(4096):
                    pass
            except ConnectionResetError:
                pass
            raw.close()

        self.check_nothing_lost(a, b)

    def test_raw_tcp(self):
        """random bytes, half a greeting and silence on every port do no harm"""
        a, b = self.start_pair()
        dice = random.Random(7)
        open_ones = []
        for endpoint in (b.listen, b.publish):
            for start in (b"", b"GET / HTTP/1.1\r\n\r\n", GREETING[:20], GREETING, GREETING + b"\x04\xff"):
                for _ in range(10):
                    raw = socket.create_connection(("127.0.0.1", port_of(endpoint)), timeout=mesh.DEADLINE)
                    try:
                        raw.sendall(start + dice.randbytes(dice.randint(0, 2000)))
                    except OSError:
                        pass  # it was cut already, which is right
                    open_ones.append(raw)

        self.wait_sent(a, "from-a", 500)
        self.check_nothing_lost(a, b)
        for raw in open_ones:
            raw.close()


if __name__ == "__main__":
    mesh.main()
