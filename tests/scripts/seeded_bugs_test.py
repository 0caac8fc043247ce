#!/usr/bin/python3
"""seeded-bugs calls a bug found only when a seed broke a promise: run in a tree with a simulator of a few lines."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
from cases import main  # noqa: E402

# What a simulator with the bug does, and whether that is a find.
ENDINGS = [
    ('std::puts("FAILED seed 7, step 3, virtual time 5 ms, invariant gap: lost"); return 1;', True),
    ("return 0;", False),
    ("return 64;", False),
    ("std::abort();", False),
    ('std::puts("FAILED: \\"a pause\\" never came up"); return 1;', False),
    ('std::puts("FAILED seed 7, step 3"); std::fflush(stdout); std::abort();', False),
]


class SeededBugs(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        (self.root / "scripts").mkdir()
        shutil.copy(ROOT / "scripts" / "seeded-bugs", self.root / "scripts")
        self.write("src/routing/bug.cpp", "#ifdef EVMESH_SEEDED_BUG_FAKE\n#endif\n")
        for file in ("src/bus/mesh_core.cpp", "src/delivery/listener.cpp"):
            self.write(file, "")

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def test_endings(self):
        """a crash, wrong use and a rare situation that never came are no finds"""
        for ending, found in ENDINGS:
            with self.subTest(ending=ending):
                self.write("tests/sim/main.cpp", f"#include <cstdio>\n#include <cstdlib>\nint main() {{ {ending} }}\n")

                # Its cases are not ours to count.
                ran = subprocess.run(["env", "-u", "EVMESH_CASES_DIR", self.root / "scripts/seeded-bugs", "FAKE"],
                                     capture_output=True, text=True, timeout=100)

                self.assertEqual(ran.returncode, 0 if found else 1, ran.stdout + ran.stderr)
                self.assertIn("found after" if found else "NOT FOUND", ran.stdout)


if __name__ == "__main__":
    main()
