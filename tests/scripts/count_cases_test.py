#!/usr/bin/python3
"""Test cases are counted one by one: usage count_cases_test.py DIRECTORY-OF-COUNTED-EXAMPLE"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SUPPORT = pathlib.Path(__file__).resolve().parent.parent / "support"
sys.path.insert(0, str(SUPPORT))
from cases import main  # noqa: E402

EXAMPLE = pathlib.Path(sys.argv.pop(1)) / "counted_example"


class CountCases(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.build = pathlib.Path(directory.name)
        (self.build / "cases").mkdir()
        (self.build / "meson-logs").mkdir()
        self.log = []

    def run_example(self, *arguments, no_skip="0"):
        environment = dict(os.environ, EVMESH_CASES_DIR=str(self.build / "cases"), EVMESH_NO_SKIP=no_skip)
        done = subprocess.run([EXAMPLE, *arguments], env=environment, capture_output=True, check=False)
        self.note("example", "OK" if done.returncode == 0 else "FAIL", str(EXAMPLE))

    def note(self, name, result, *command):
        self.log.append({"name": name, "result": result, "command": command or [f"/tests/{name}"]})

    def count(self):
        log = "".join(json.dumps(test) + "\n" for test in self.log)
        (self.build / "meson-logs" / "testlog.json").write_text(log, encoding="utf-8")
        command = [SUPPORT / "count_cases.py", self.build, self.build / "cases"]
        done = subprocess.run(command, text=True, capture_output=True, check=False)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout.splitlines()

    def test_passed(self):
        """cases are counted, not sections, assertions or programs"""
        self.run_example("~[fails]~[skips]~[dies]")
        self.assertEqual(self.count(), (0, ["2 passed, 0 failed, 0 skipped"]))

    def test_failed(self):
        """a failed case is named and counted, and the end is not 0"""
        self.run_example()
        self.assertEqual(self.count(), (1, [
            "SKIPPED: counted_example: one that is skipped",
            "FAILED: counted_example: one that fails",
            "FAILED: counted_example: one that throws",
            "2 passed, 2 failed, 1 skipped"]))

    def test_no_skip(self):
        """a skip is a failure where nothing may be skipped"""
        self.run_example("[skips]", no_skip="1")
        self.assertEqual(self.count(), (1, [
            "FAILED: counted_example: one that is skipped", "0 passed, 1 failed, 0 skipped"]))

    def test_killed(self):
        """a case that kills its program counts as failed"""
        self.run_example("one that passes,one that kills the program")
        self.assertEqual(self.count(), (1, [
            "FAILED: counted_example: one that kills the program", "1 passed, 1 failed, 0 skipped"]))

    def test_late_failure(self):
        """a program that fails although its cases passed is one failure more"""
        self.run_example("one that passes")
        self.log[0]["result"] = "FAIL"
        self.assertEqual(self.count(), (1, ["FAILED: example", "1 passed, 1 failed, 0 skipped"]))

    def test_two_runs(self):
        """two runs of one program are both counted"""
        self.run_example("one that passes")
        self.run_example("one that fails")
        self.assertEqual(self.count(), (1, [
            "FAILED: counted_example: one that fails", "1 passed, 1 failed, 0 skipped"]))

    def test_scripts(self):
        """a script counts as one case by its exit status"""
        for name, result in [("a", "OK"), ("b", "FAIL"), ("c", "SKIP"), ("d", "TIMEOUT"), ("e", "EXPECTEDFAIL")]:
            self.note(name, result)
        self.assertEqual(self.count(), (1, [
            "SKIPPED: c", "FAILED: b", "FAILED: d", "2 passed, 2 failed, 1 skipped"]))

    def test_nothing(self):
        """a run without a single passed test is no success"""
        self.assertEqual(self.count(), (1, ["0 passed, 0 failed, 0 skipped"]))


if __name__ == "__main__":
    main()
