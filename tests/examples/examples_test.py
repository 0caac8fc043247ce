#!/usr/bin/python3
"""Each example prints what its source says at the end: usage examples_test.py PROGRAM..."""

import http.server
import os
import pathlib
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cases import main  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = {pathlib.Path(path).name: path for path in sys.argv[1:]}
del sys.argv[1:]


def said(name):
    lines = (HERE / f"{name}.cpp").read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("// prints: ") for line in lines if line.startswith("// prints: ")]


class Server(http.server.BaseHTTPRequestHandler):
    """Takes notes, is out of order at its second request, and wants nothing that is bad."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.heard.append((body, self.headers["Event-Type"], self.headers["Event-Id"]))
        self.send_response(503 if len(self.server.heard) == 2 else 400 if body == "bad" else 200)
        self.end_headers()

    def log_message(self, *arguments):
        pass


class ExamplesTest(unittest.TestCase):
    def check_prints(self, name, *arguments):
        ran = subprocess.run([PROGRAMS[name], *arguments], capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        self.assertEqual(sorted(ran.stdout.splitlines()), sorted(said(name)))

    def test_own_output(self):
        """each example that needs nobody else runs and prints what it says"""
        for name in sorted(PROGRAMS.keys() - {"http_bridge"}):
            with self.subTest(name):
                self.assertTrue(said(name))
                self.check_prints(name)

    def test_http_bridge(self):
        """the bridge posts each event until the server takes or refuses it"""
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        server.heard = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)

        self.check_prints("http_bridge", f"http://127.0.0.1:{server.server_port}/events")

        bodies = [body for body, _, _ in server.heard]
        self.assertEqual(sorted(set(bodies)), ["bad", "first", "last", "second"])
        self.assertEqual((len(bodies), bodies.count("bad")), (5, 1))
        self.assertEqual({kind for _, kind, _ in server.heard}, {"note"})
        self.assertEqual(len({event for _, _, event in server.heard}), 4)


if __name__ == "__main__":
    main()
