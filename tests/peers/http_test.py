#!/usr/bin/python3
"""The admin socket against clients that do not keep to the rules: each gets an error, and the node goes on."""

import json
import socket
import time

from daemons import DEADLINE, DaemonCase, eventually  # first: it adds the path of the next

from cases import main

JSON = "Content-Type: application/json\r\n"


class HttpTest(DaemonCase):
    def connect(self, node):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(DEADLINE)
        connection.connect(node.socket)
        self.addCleanup(connection.close)
        return connection

    def raw(self, node, request):
        """Status and body of whatever comes back until the end; 0 when the node just closes."""
        connection = self.connect(node)
        try:
            connection.sendall(request)
        except BrokenPipeError:
            pass
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
        head, _, body = answer.partition(b"\r\n\r\n")
        return (int(head.split()[1]) if head else 0), body

    def ask(self, node, method, target, body=b"", headers=""):
        length = f"Content-Length: {len(body)}\r\n" if body or method == "POST" else ""
        return self.raw(node, f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}{length}\r\n".encode() + body)

    def post(self, node, body, target="/api/v1/events", headers=JSON):
        return self.ask(node, "POST", target, body, headers)

    def check_alive(self, node):
        self.assertEqual(self.ask(node, "GET", "/livez")[0], 200)

    def test_routes(self):
        """unknown routes, methods and parameters are told with what is right"""
        node = self.start("one")
        for method, target, status, wanted in (
                ("GET", "/api/v1/nod", 404, "/api/v1/node"), ("DELETE", "/api/v1/node", 405, "GET"),
                ("HEAD", "/api/v1/node", 405, ""), ("TRACE", "/livez", 405, ""), ("OPTIONS", "/livez", 204, ""),
                ("GET", "/api/v1/events", 405, "POST"), ("GET", "/healthz?strct=1", 400, "strict"),
                ("GET", "/healthz?strict=2", 400, "strict"), ("GET", "/api/v1/keys?limit=0", 400, "1000"),
                ("GET", "/api/v1/keys?limit=1000000000", 400, "1000"), ("GET", "/api/v1/keys?after=x", 400, "after"),
                ("GET", "/api/v1/members/..%2f..%2fetc", 404, ""), ("GET", "/api/v1/members/%00", 400, "zero"),
                ("GET", "/api/v1/members/%ff", 400, "UTF-8"), ("GET", "/api/v1/keys/explain?key=a%zz", 400, "hex"),
                ("GET", "/api/v1/keys/explain", 400, "key"), ("GET", "/api/v1/stream", 400, "each_node"),
                ("GET", "/api/v1/stream?each_node=1&bus=x", 400, "bus")):
            with self.subTest(method=method, target=target):
                got, body = self.ask(node, method, target)

                self.assertEqual(got, status, body)
                self.assertIn(wanted.encode(), body)
                if status >= 400 and method != "HEAD":
                    self.assertTrue(json.loads(body)["error"]["code"])
        self.check_alive(node)

    def test_bodies(self):
        """bodies that break a rule are refused with the reason, and reach nobody"""
        node = self.start("one")
        event = b'{"type":"t"}'
        for body, headers, status, wanted in (
                (event, "", 415, "application/json"), (event, "Content-Type: text/xml\r\n", 415, "application/json"),
                (b"", JSON, 400, ""), (b"{", JSON, 400, ""), (b"[]", JSON, 400, ""), (b"[" * 100_000, JSON, 400, "deeper"),
                (b'{"type":"t","type":"u"}', JSON, 400, "twice"), (b'{"type":"\xff"}', JSON, 400, "UTF-8"),
                (b'{"type":"a\\u0000b"}', JSON, 400, ""), (b'{"type":"t","tpye":1}', JSON, 400, "tpye"),
                (b'{"type":"t","keys":["nocolon"]}', JSON, 400, "nocolon"), (b'{"event":{"type":"t"},"kyes":[]}', JSON, 400, "kyes"),
                (b'[{"type":"t"},{"type":1}]', JSON, 400, "1"), (b'[' + b",".join([event] * 1025) + b']', JSON, 413, "1024"),
                (b'{"type":"t","text":"' + b"x" * (2 << 20) + b'"}', JSON, 413, ""),
                (event, JSON + "Origin: http://evil\r\n", 403, "")):
            with self.subTest(body=body[:40], headers=headers):
                got, answer = self.post(node, body, headers=headers)

                self.assertEqual(got, status, answer[:300])
                self.assertIn(wanted.encode(), answer)
        self.assertEqual(self.post(node, b'{"a":1}', "/api/v1/node/leave")[0], 400)
        self.assertEqual(self.post(node, b"x" * 70_000, "/api/v1/node/leave")[0], 413)
        self.assertIsNone(node.process.poll())
        self.check_alive(node)

    def test_framing(self):
        """broken framing ends the connection with an error, never the node"""
        node = self.start("one")
        start = b"POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\n" + JSON.encode()
        for request in (b"GET /livez HTTP/1.1\r\n" + b"".join(b"H%d: v\r\n" % i for i in range(10_000)) + b"\r\n",
                        b"GET /livez HTTP/1.1\r\nH: " + b"v" * (1 << 20) + b"\r\n\r\n",
                        start + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
                        start + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}\r\n0\r\n\r\n",
                        start + b"Content-Length: -1\r\n\r\n{}", start + b"Content-Length: 100000000000000000000\r\n\r\n{}",
                        b"\x00\x01\x02\x03\r\n\r\n", b"GET\r\n\r\n"):
            with self.subTest(request=request[:80]):
                status, _ = self.raw(node, request)

                self.assertTrue(status == 0 or 400 <= status < 600, status)
        self.check_alive(node)

    def test_who_asks(self):
        """a length that can be read in two ways is refused, and so is what another machine's web page sends"""
        node = self.start("one")
        body = b'{"type":"t"}'
        start = b"POST /api/v1/events HTTP/1.1\r\n" + JSON.encode()
        length = b"Content-Length: %d\r\n" % len(body)
        host = b"Host: localhost\r\nConnection: close\r\n"
        chunked = b"Transfer-Encoding: chunked\r\n"
        for headers, status in (
                (host + length, 202), (host + length + length, 400), (host + length + b"Content-Length: 3\r\n", 400),
                (host + length + chunked, 400), (host + chunked + length, 400), (b"Connection: close\r\nHost: evil\r\n" + length, 403),
                (b"Connection: close\r\nHost: 127.0.0.1:80\r\n" + length, 202), (host + b"Origin: http://localhost:80\r\n" + length, 202),
                (host + b"Origin: null\r\n" + length, 403)):
            with self.subTest(headers=headers):
                got, answer = self.raw(node, start + headers + b"\r\n" + body)

                self.assertEqual(got, status, answer)
        self.check_alive(node)

    def test_connections(self):
        """a node has 64 connections; the next one is served when one of them goes"""
        node = self.start("one")
        idle = [self.connect(node) for _ in range(64)]
        for connection in idle:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertIn(b"200", connection.recv(65536))

        self.assertEqual(self.ask(node, "GET", "/livez")[0], 0)
        idle[0].close()

        eventually(lambda: self.ask(node, "GET", "/livez")[0] == 200)

    def test_slow_headers(self):
        """a client that sends its headers byte by byte is ended after ten seconds, and others are served meanwhile"""
        node = self.start("one")
        slow = self.connect(node)
        began = time.monotonic()
        slow.settimeout(0.2)
        ended = False
        while not ended and time.monotonic() - began < DEADLINE:
            try:
                slow.sendall(b"G")
                ended = slow.recv(1) == b""
            except TimeoutError:
                pass
            except OSError:
                ended = True
            self.check_alive(node)

        self.assertTrue(ended)
        self.assertGreater(time.monotonic() - began, 5)

    def test_streams(self):
        """a node has 32 streams, says so to the next, and ends them when it stops"""
        node = self.start("one")
        streams = []
        for _ in range(32):
            stream = self.connect(node)
            stream.sendall(b"GET /api/v1/stream?key=User:bob HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while b"registered" not in stream.recv(65536):
                pass
            streams.append(stream)

        status, body = self.ask(node, "GET", "/api/v1/stream?key=User:bob")
        sent = json.loads(self.post(node, b'{"type":"t","keys":["User:bob"]}')[1])

        self.assertEqual(status, 503, body)
        self.assertEqual(sent["accepted"], 1)
        self.assertEqual(sent["listeners"], 32)
        self.assertEqual(node.end(), 0)

    def test_posted(self):
        """one item, an array and wrapped items are accepted in order"""
        node = self.start("one")

        one = json.loads(self.post(node, b'{"type":"t","id":"0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01"}')[1])
        many = json.loads(self.post(node, b'[{"type":"t"},{"event":{"type":"u","payload":[1]},"keys":["User:bob"]}]')[1])

        self.assertEqual(one["event_ids"], ["0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01"])
        self.assertEqual((many["schema"], many["accepted"]), ("evmesh.receipt.v1", 2))


if __name__ == "__main__":
    main()
