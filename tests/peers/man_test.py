#!/usr/bin/python3
"""The man pages: usage man_test.py DIRECTORY-OF-PAGES EVMESH EVMESHD EVMESH-MAILDIR."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cases import main  # noqa: E402

PAGES, *PROGRAMS = (pathlib.Path(argument) for argument in sys.argv[1:])
del sys.argv[1:]
SECTIONS = {"evmesh": "1", "evmeshd": "8", "evmesh-maildir": "8"}


def help_of(program, *verb):
    return subprocess.run([program, *verb, "--help"], check=True, capture_output=True, text=True).stdout


def words(text):
    """Without what a formatter may change: spaces, breaks, and headings in capitals."""
    return re.sub(r"\s+", " ", text.replace("‐", "-").replace("−", "-")).lower()


class ManTest(unittest.TestCase):
    def page(self, program):
        """The page as man shows it, which has nothing to complain of."""
        path = PAGES / f"{program.name}.{SECTIONS[program.name]}"
        shown = subprocess.run(["man", "--warnings", "-l", "-E", "UTF-8", str(path)], capture_output=True, text=True,
                               env={**os.environ, "MANWIDTH": "1000", "MANROFFOPT": "-rHY=0 -ww", "LC_ALL": "C.UTF-8"}, check=False)
        self.assertEqual((shown.returncode, shown.stderr), (0, ""), path)
        return shown.stdout

    def test_pages_say_what_help_says(self):
        """each line of --help stands in the man page of its program, and the page is well formed"""
        for program in PROGRAMS:
            page = words(self.page(program))
            for line in help_of(program).splitlines():
                with self.subTest(line, program=program.name):
                    for part in re.split(r" {2,}", line.removeprefix("Usage:").strip().rstrip(":")):
                        self.assertIn(words(re.sub("^(exit codes|signals):", "", part, flags=re.I).strip()), page)

    def test_every_verb(self):
        """the page of evmesh has the flags and examples of every verb"""
        page = words(self.page(PROGRAMS[0]))
        listed = re.search(r"\nVerbs\n((?:  .*\n)+)", help_of(PROGRAMS[0]))[1]
        for verb in re.findall(r"^  ([a-z-]+(?: [a-z-]+)?)(?= |$)", listed, re.MULTILINE):
            own = help_of(PROGRAMS[0], *verb.split()).split("\nFlags of every verb")[0]
            for line in own.splitlines():
                with self.subTest(line, verb=verb):
                    for part in re.split(r" {2,}", line.removeprefix("Usage:").strip()):
                        self.assertIn(words(part.strip()), page)

    def test_whatis(self):
        """each page has a name line that whatis can read"""
        for program in PROGRAMS:
            read = subprocess.run(["lexgrog", str(PAGES / f"{program.name}.{SECTIONS[program.name]}")], capture_output=True, text=True,
                                  check=False)
            self.assertEqual(read.returncode, 0, read.stdout)
            self.assertRegex(read.stdout, f'"{program.name} - .+"')


if __name__ == "__main__":
    main()
