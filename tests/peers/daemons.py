"""Starts evmeshd and runs evmesh for tests; the programs are given by EVMESHD and EVMESH_PROGRAM, without the prefix EVMESH_
of settings: an unknown EVMESH_ variable is an error of the daemon.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

DAEMON = os.environ.get("TEST_EVMESHD", "evmeshd")
PROGRAM = os.environ.get("TEST_EVMESH", "evmesh")
DEADLINE = 60  # seconds; ten times what the slowest step takes on a busy machine


def eventually(holds):
    end = time.monotonic() + DEADLINE
    while not holds():
        if time.monotonic() > end:
            raise AssertionError("waited too long")
        time.sleep(0.02)


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EVMESH_")}
    return {**kept, **more}


class Daemon:
    """A running evmeshd with its own data directory."""

    def __init__(self, directory, name, *flags):
        self.directory = pathlib.Path(directory) / name
        self.ready_file = pathlib.Path(directory) / f"{name}.json"
        self.log = open(pathlib.Path(directory) / f"{name}.log", "wb")
        self.socket = str(self.directory / "admin.sock")
        self.process = subprocess.Popen(
            [DAEMON, "--node.data-dir", str(self.directory), "--node.name", name, "--ready-file", str(self.ready_file), *flags],
            stdin=subprocess.DEVNULL, stderr=self.log, env=environment())
        eventually(lambda: self.ready_file.exists() or self.process.poll() is not None)
        if not self.ready_file.exists():
            raise AssertionError(pathlib.Path(self.log.name).read_text())
        self.ready = json.loads(self.ready_file.read_text())

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(DEADLINE)
        finally:
            self.log.close()
        return code


class DaemonCase(unittest.TestCase):
    """Gives each case a short temporary directory: the path of a socket has at most 107 bytes."""

    def setUp(self):
        self.place = tempfile.TemporaryDirectory(prefix="ev", dir="/tmp")
        self.addCleanup(self.place.cleanup)

    def start(self, name, *flags):
        daemon = Daemon(self.place.name, name, *flags)
        self.addCleanup(daemon.end)
        return daemon

    def mesh(self):
        one = self.start("one", "--node.mode=broadcast", "--mesh.listen=tcp://127.0.0.1:0")
        two = self.start("two", "--node.mode=broadcast", "--mesh.listen=tcp://127.0.0.1:0", "--mesh.seed", one.ready["work"])
        self.run_ok(one, "status", "--wait-members", "2", "--timeout", f"{DEADLINE}s")
        self.run_ok(two, "status", "--wait-members", "2", "--timeout", f"{DEADLINE}s")
        return one, two

    def run_daemon(self, *flags, **variables):
        return subprocess.run([DAEMON, *flags], env=environment(**variables), cwd=self.place.name, capture_output=True,
                              timeout=DEADLINE, text=True)

    def run_cli(self, daemon, *words, **options):
        server = [] if daemon is None else ["--server", daemon.socket]
        return subprocess.run([PROGRAM, *words, *server], env=environment(), cwd=self.place.name, capture_output=True,
                              timeout=DEADLINE, text=True, **options)

    def run_ok(self, daemon, *words, **options):
        ran = self.run_cli(daemon, *words, **options)
        self.assertEqual(ran.returncode, 0, f"{words}: {ran.stderr}")
        return ran.stdout
