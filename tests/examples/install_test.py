#!/usr/bin/env python3
"""What `meson install` gives is enough for a program: usage install_test.py SOURCE BUILD-DIR SANITIZERS COMPILER..."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cases import main  # noqa: E402

SOURCE, BUILD, SANITIZERS, *COMPILER = sys.argv[1:]
del sys.argv[1:]


def run(*command, **environment):
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=240, check=False)


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls.temporary.name)
        done = run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--tags", "devel", "--destdir", str(cls.root / "dest"))
        assert done.returncode == 0, done.stdout + done.stderr
        [cls.description] = cls.root.rglob("evmesh.pc")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def pkg_config(self, *arguments):
        written = re.search(r"^prefix=(.*)$", self.description.read_text(encoding="utf-8"), re.MULTILINE)[1]
        here = f"--define-variable=prefix={self.root}/dest{written}"
        done = run("pkg-config", here, *arguments, "evmesh", PKG_CONFIG_PATH=str(self.description.parent))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split()

    def test_example_is_built_from_the_installed_copy(self):
        """the example compiles, links and runs with what pkg-config says of the installed library alone"""
        flags = self.pkg_config("--cflags", "--libs")
        sanitizers = [] if SANITIZERS == "none" else ["-fsanitize=" + SANITIZERS]
        program = str(self.root / "hello")

        built = run(*COMPILER, "-std=c++20", "-Wall", "-Wextra", "-Werror", *sanitizers, SOURCE, "-o", program, *flags)

        self.assertEqual(built.returncode, 0, built.stderr)
        self.assertTrue(any(str(self.root) in flag for flag in flags), flags)
        said = run(program)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual(sorted(said.stdout.splitlines()), ["b has it", "b hears a letter", "indexing for bob"])

    def test_every_public_header_is_installed(self):
        """every public header is there, and nothing of the rooms"""
        source = pathlib.Path(SOURCE).resolve().parents[2] / "include"
        [installed] = [path for path in self.root.rglob("evmesh") if (path / "evmesh.hpp").exists()]
        headers = {str(path.relative_to(installed.parent)) for path in installed.parent.rglob("*.hpp")}
        self.assertEqual(headers, {str(path.relative_to(source)) for path in source.rglob("*.hpp")})

    def test_version(self):
        """the description names the version that the headers name"""
        header = next(self.root.rglob("version.hpp")).read_text(encoding="utf-8")
        self.assertIn(f'"{self.pkg_config("--modversion")[0]}"', header)


if __name__ == "__main__":
    main()
