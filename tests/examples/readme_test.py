#!/usr/bin/env python3
"""What the README shows is what is built: usage readme_test.py HELLO-PROGRAM EVMESHD SOURCE-ROOT."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cases import main  # noqa: E402

PROGRAM = sys.argv.pop(1)
DAEMON = sys.argv.pop(1)
ROOT = pathlib.Path(sys.argv.pop(1))
README = (ROOT / "README.md").read_text(encoding="utf-8")


def code_blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def section(title):
    return README.split(title + "\n")[1].split("\n#")[0]


def bodies(source, scope):
    """What stands between the braces of every class and struct `scope` in `source`."""
    for head in re.finditer(rf"\b(?:class|struct) {scope}\b[^;{{()]*\{{", source):
        depth, at = 1, head.end()
        while depth and at < len(source):
            depth += {"{": 1, "}": -1}.get(source[at], 0)
            at += 1
        yield source[head.end():at]


def defined(scope, name):
    """Whether `scope` (a class, or a room) has a function `name`."""
    for path in [*(ROOT / "src").rglob("*.[ch]pp"), *(ROOT / "include").rglob("*.hpp")]:
        source = re.sub(r"//[^\n]*", "", path.read_text(encoding="utf-8"))
        if any(re.search(rf"\b{name}\(", body) for body in bodies(source, scope)):
            return True
        if re.search(rf"\bnamespace evmesh::{scope}\b", source) and re.search(rf"^\S[^\n]*\b{name}\(", source, re.MULTILINE):
            return True
    return False


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
        text = section("## The life of an event")
        self.assertIn("```", text)  # the diagram is looked at, too
        named = set(re.findall(r"\b(\w+)::(\w+)", text))
        self.assertGreater(len(named), 12)
        for scope, name in sorted(named):
            with self.subTest(function=f"{scope}::{name}"):
                self.assertTrue(defined(scope, name))

    def test_functions_that_are_not_there_are_found_out(self):
        """a function of another class, or of none, is none of the class that is named"""
        self.assertTrue(defined("Strand", "offer"))
        self.assertTrue(defined("wire", "encode_event"))
        self.assertFalse(defined("Strand", "publish"))
        self.assertFalse(defined("wire", "offer"))
        self.assertFalse(defined("NoSuchClass", "offer"))

    def test_options_are_complete(self):
        """the table of options has every option that evmeshd --help knows, with its default, and no other"""
        helped = subprocess.run([DAEMON, "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
        entries = re.findall(r"^  --(\w+\.[\w-]+)((?:.*\n)(?: {20,}.*\n)*)", helped, flags=re.MULTILINE)
        self.assertGreater(len(entries), 15)
        rows = dict(re.findall(r"^\| `(\w+\.[\w-]+)` \|([^|]*)\|", section("### Options of evmeshd"), flags=re.MULTILINE))
        self.assertEqual(sorted(rows), sorted(name for name, _ in entries))
        for name, text in entries:
            default = re.search(r"\(default: (\S+)\)", text)
            if default and default[1] not in ("node-XXXXXXXX", "DATA-DIR/admin.sock"):
                with self.subTest(option=name):
                    self.assertEqual(rows[name].strip("` "), default[1])

    def test_exit_codes_are_complete(self):
        """the table of exit codes has every code that a program can end with"""
        header = (ROOT / "peers/common/exit_code.hpp").read_text(encoding="utf-8")
        codes = {int(code) for code in re.findall(r"^  \w+ = (\d+),", header, flags=re.MULTILINE)}
        table = README.split("Exit codes are")[1].split("\n## ")[0]
        rows = re.findall(r"^\| ([\d, ]+) \|", table, flags=re.MULTILINE)
        self.assertEqual({int(code) for row in rows for code in row.split(",")}, codes)


if __name__ == "__main__":
    main()
