#!/usr/bin/env python3
"""What the README shows is what is built: usage readme_test.py HELLO-PROGRAM SOURCE-ROOT."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cases import main  # noqa: E402

PROGRAM = sys.argv.pop(1)
ROOT = pathlib.Path(sys.argv.pop(1))
README = (ROOT / "README.md").read_text(encoding="utf-8")


def code_blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


class ReadmeTest(unittest.TestCase):
    def test_hello_is_shown_as_it_is(self):
        """the README shows the example program to the letter"""
        hello = (ROOT / "tests/examples/hello.cpp").read_text(encoding="utf-8")
        self.assertIn(hello, code_blocks("cpp"))
        self.assertLessEqual(len(hello.splitlines()), 25)

    def test_hello_does_what_it_says(self):
        """the example program notifies the other node and runs its group"""
        done = subprocess.run([PROGRAM], capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(done.stdout.splitlines()), ["b has it", "b hears a letter", "indexing for bob"])

    def test_paths_exist(self):
        """every file and folder that the README names is there"""
        named = set(re.findall(r"`((?:src|include|peers|tests|scripts)/[A-Za-z0-9_./-]*)`", README))
        self.assertGreater(len(named), 10)
        missing = sorted(path for path in named if not (ROOT / path).exists())
        self.assertEqual(missing, [])

    def test_functions_exist(self):
        """every function that the README names in the life of an event is in the sources"""
        section = README.split("## The life of an event")[1].split("\n## ")[0]
        named = set(re.findall(r"`(\w+)::(\w+)`", section))
        self.assertGreater(len(named), 8)
        sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.[ch]pp"))
        sources += "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "include").rglob("*.hpp"))
        for scope, name in sorted(named):
            with self.subTest(function=f"{scope}::{name}"):
                self.assertRegex(sources, rf"\b(class|struct) {scope}\b|\bnamespace \w*::{scope}\b|namespace evmesh::{scope}\b")
                self.assertRegex(sources, rf"\b{name}\(")


if __name__ == "__main__":
    main()
