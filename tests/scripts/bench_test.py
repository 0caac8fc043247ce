#!/usr/bin/python3
"""scripts/bench: medians of runs in turn, and no figure for a run that lost something."""

import importlib.machinery
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
from cases import main  # noqa: E402

# Stands for the program that measures: notes each run and answers with the next of the numbers given for it.
PROGRAM = """#!/usr/bin/python3
import pathlib, sys
notes = pathlib.Path(__file__).with_suffix(".notes")
before = notes.read_text().split() if notes.exists() else []
notes.write_text(" ".join(before + [sys.argv[1]]))
answer = ANSWERS[sys.argv[1]][before.count(sys.argv[1])]
if answer is None:
    sys.exit("bench: 3 events were lost")
print(f"value={answer}")
"""


def load():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("bench", str(ROOT / "scripts" / "bench"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench", loader))
    loader.exec_module(module)
    return module


class BenchTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.data = pathlib.Path(directory.name)
        self.bench = load()

    def measuring(self, rounds, **answers):
        program = self.data / "work_local"
        answers = {name.replace("_", "-"): values for name, values in answers.items()}
        program.write_text(PROGRAM.replace("ANSWERS", repr(answers)), encoding="utf-8")
        program.chmod(0o755)
        return self.bench.Bench(self.data, self.data, rounds, 0.1)

    def runs(self):
        return (self.data / "work_local.notes").read_text(encoding="utf-8").split()

    def test_medians(self):
        """both sides are run in turn, and their medians compared"""
        measuring = self.measuring(3, node_receipt=[90, 10, 50], append=[200, 100, 900])

        figures = list(self.bench.receipt(measuring))

        self.assertEqual(self.runs(), ["node-receipt", "append"] * 3)
        self.assertEqual([json.dumps(figure) for figure in figures], [
            '{"workload": "receipt-p50", "unit": "us", "value": 50.0, '
            '"baseline": "synced append of 4 KiB", "baseline_value": 200.0, "ratio": 0.25, "better": "lower"}'])

    def test_lost(self):
        """a run that lost an event gives no figure"""
        measuring = self.measuring(2, node_receipt=[90, None], append=[100, 100])

        with self.assertRaisesRegex(self.bench.Failed, "node-receipt ended with 1: bench: 3 events were lost"):
            list(self.bench.receipt(measuring))

    def test_unknown(self):
        """a workload that is none is named, and nothing is built"""
        done = subprocess.run([ROOT / "scripts" / "bench", "--build-dir", self.data / "none", "fast"],
                              text=True, capture_output=True, check=False)

        self.assertEqual(done.returncode, 2)
        self.assertIn('there is no workload "fast" here; there are work-local-disk, ', done.stderr)
        self.assertFalse((self.data / "none").exists())


if __name__ == "__main__":
    main()
