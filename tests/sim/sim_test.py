#!/usr/bin/python3
"""What the simulator's program says when it is used wrongly: sim_test.py SIM"""

import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

from cases import main

SIM = sys.argv.pop(1)


class SimTest(unittest.TestCase):
    def run_sim(self, *words):
        # Its cases are not ours to count.
        return subprocess.run(["env", "-u", "EVMESH_CASES_DIR", SIM, "--seeds", "1", *words], capture_output=True, text=True,
                              timeout=60)

    def test_regressions(self):
        """a file of regressions that cannot be read fails the run"""
        for file in ("/nonexistent/regressions.txt", "/"):
            with self.subTest(file=file):
                ran = self.run_sim("--regressions", file)

                self.assertEqual(ran.returncode, 1, ran.stdout)
                self.assertIn(file, ran.stderr)
        self.assertEqual(self.run_sim("--regressions", "/dev/null").returncode, 0)

    def test_wrong_use(self):
        """an unknown option ends with 64"""
        self.assertEqual(self.run_sim("--sedes", "1").returncode, 64)


if __name__ == "__main__":
    main()
