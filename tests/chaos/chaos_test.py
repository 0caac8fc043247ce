#!/usr/bin/python3
"""scripts/chaos itself, for some seconds: usage chaos_test.py SOURCE-ROOT BUILD-ROOT."""

import json
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import cases  # noqa: E402

SOURCE, BUILD = (os.path.abspath(word) for word in sys.argv[1:3])
del sys.argv[1:3]
FIGURES = ["receipts", "executed", "dead", "lost", "stuck", "duplicates", "unexplained", "kills", "takeover_p99_ms"]


class ChaosTest(unittest.TestCase):
    def run_chaos(self, *words, **environment):
        command = [os.path.join(SOURCE, "scripts", "chaos"), "--build", BUILD, *words]
        return subprocess.run(command, text=True, capture_output=True, timeout=400, check=False,
                              env={**os.environ, **environment})

    def test_short(self):
        """nothing is lost, stuck or without a cause when nodes are killed, paused and cut off"""
        ran = self.run_chaos("--seconds", "14")

        print(ran.stdout, flush=True)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        figures = json.loads(ran.stdout.splitlines()[-1])
        self.assertEqual(list(figures), FIGURES)
        self.assertGreater(figures["receipts"], 100)
        self.assertGreaterEqual(figures["kills"], 4)
        self.assertEqual(figures["executed"] + figures["dead"], 2 * figures["receipts"])

    def test_planted_loss(self):
        """a disk that is thrown away though nobody else has what is on it is found out"""
        ran = self.run_chaos("--seconds", "12", "--plant", "lost", "--no-cuts", "--patience", "5")

        self.assertEqual(ran.returncode, 1, ran.stdout + ran.stderr)
        self.assertGreater(json.loads(ran.stdout.splitlines()[-1])["lost"], 0)
        self.assertIn("LOST: ('g", ran.stdout)
        place = re.search("a promise broke; all is left in (.*)", ran.stdout)[1]
        self.assertTrue(os.path.exists(os.path.join(place, "a.ledger")))
        subprocess.run(["rm", "-rf", place], check=True)

    def test_bad_options(self):
        """what it cannot do it says"""
        self.assertIn("at least 5", self.run_chaos("--seconds", "1").stderr)
        self.assertIn("invalid choice: 9", self.run_chaos("--nodes", "9").stderr)


if __name__ == "__main__":
    cases.main()
