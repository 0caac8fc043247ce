#!/usr/bin/python3
"""The reference is built without a warning, and scripts/docs sees what would make one."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
from cases import main  # noqa: E402


@unittest.skipIf(shutil.which("doxygen") is None, "doxygen is not installed")
class DocsTest(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = pathlib.Path(place.name)

    def tree(self, header="", text=""):
        """What scripts/docs needs of a source tree, with one header appended to."""
        tree = self.place / "tree"
        for part in ("include", "scripts/reference", "tests/examples"):
            shutil.copytree(ROOT / part, tree / part)
        for part in ("scripts/docs", "meson.build"):
            shutil.copy(ROOT / part, tree / part)
        if header:
            with open(tree / "include" / "evmesh" / header, "a", encoding="utf-8") as file:
                file.write(text)
        return tree

    def docs(self, tree):
        return subprocess.run([tree / "scripts" / "docs", self.place / "out"], capture_output=True, text=True, check=False)

    def test_no_warning(self):
        """the reference is built without a warning, and has the types of the public headers and the example"""
        done = self.docs(ROOT)

        self.assertEqual((done.returncode, done.stderr), (0, ""))
        node = (self.place / "out" / "html" / "classevmesh_1_1Node.html").read_text(encoding="utf-8")
        self.assertIn("Starts a node and waits until it is joined", node)
        self.assertIn("b hears", (self.place / "out" / "html" / "index.html").read_text(encoding="utf-8"))

    def test_warning(self):
        """a description that names what is not there is a failure that says where"""
        done = self.docs(self.tree("version.hpp", "namespace evmesh {\n/// Takes \\p one.\n/// \\param two  nothing\nvoid f(int one);\n}\n"))

        self.assertEqual(done.returncode, 1)
        self.assertIn("version.hpp", done.stderr)

    def test_type_without_a_word(self):
        """a public type without a description is a failure that names it"""
        done = self.docs(self.tree("version.hpp", "namespace evmesh {\nstruct Silent {};\n}\n"))

        self.assertEqual(done.returncode, 1)
        self.assertIn("evmesh::Silent has no description", done.stderr)


if __name__ == "__main__":
    main()
