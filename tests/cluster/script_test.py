#!/usr/bin/env python3
"""scripts/cluster does what it says: usage script_test.py SOURCE-ROOT BUILD-ROOT."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cases import main  # noqa: E402

SOURCE, BUILD = sys.argv.pop(1), sys.argv.pop(1)
DEADLINE = 200


class ScriptTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="evmesh-script-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.addCleanup(self.cluster, "down")

    def cluster(self, *words):
        return subprocess.run([f"{SOURCE}/scripts/cluster", *words, "--dir", self.directory, "--build", BUILD],
                              capture_output=True, text=True, timeout=DEADLINE)

    def done(self, *words):
        done = self.cluster(*words)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def members(self, node):
        asked = subprocess.run([f"{BUILD}/peers/evmesh/evmesh", "-s", f"{self.directory}/{node}/admin.sock",
                                "member", "ls", "-o", "json"], capture_output=True, text=True, timeout=DEADLINE)
        self.assertEqual(0, asked.returncode, asked.stderr)
        return {member["name"]: member for member in json.loads(asked.stdout)["items"]}

    def process_of(self, node):
        with open(f"{self.directory}/{node}.pid", encoding="utf-8") as file:
            return int(file.read())

    def test_life_of_a_cluster(self):
        """up, kill, restart in another mode and down, and nothing is left running"""
        self.done("up", "2", "--mode", "scale-efficient")
        before = self.members("a")["b"]
        self.assertEqual("alive", before["state"])

        self.done("kill", "b")
        self.assertIn("b does not run", self.done("status"))
        self.done("restart", "b", "--mode", "broadcast")

        after = self.members("b")["b"]
        self.assertEqual((before["id"], "broadcast"), (after["id"], after["mode"]))
        processes = [self.process_of(node) for node in "ab"]
        self.done("down")
        for process in processes:
            self.assertFalse(os.path.exists(f"/proc/{process}/cwd") and
                             os.readlink(f"/proc/{process}/cwd") == self.directory)

    def test_second_cluster(self):
        """a directory holds one cluster"""
        self.done("up", "1")

        again = self.cluster("up", "1")

        self.assertEqual(1, again.returncode)
        self.assertIn("a cluster runs in", again.stderr)
        self.assertIn("down", again.stderr)

    def test_wrong_words(self):
        """wrong words are named, and lead to the help"""
        for words, said in (
            (("up",), "up needs the number of nodes"),
            (("up", "17"), '"17"'),
            (("up", "2", "--mode", "mono"), '"mono"'),
            (("sideways",), '"sideways"'),
            (("up", "2", "--fast"), '"--fast"'),
        ):
            with self.subTest(words):
                wrong = self.cluster(*words)
                self.assertEqual(64, wrong.returncode)
                self.assertIn(said, wrong.stderr)
                self.assertIn("--help", wrong.stderr)

    def test_no_cluster(self):
        """without a cluster the next command is named"""
        nothing = self.cluster("status")

        self.assertEqual(1, nothing.returncode)
        self.assertIn("scripts/cluster up", nothing.stderr)


if __name__ == "__main__":
    main()
