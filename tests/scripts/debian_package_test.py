#!/usr/bin/python3
"""scripts/debian-package gives packages that can be unpacked and used: usage debian_package_test.py BUILD"""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
from cases import main  # noqa: E402

BUILD = sys.argv.pop(1)
PROGRAMS = ["evmesh", "evmesh-maildir", "evmeshd"]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@unittest.skipIf(shutil.which("dh") is None, "debhelper is not installed")
class DebianPackageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls.place.name)
        done = subprocess.run([ROOT / "scripts" / "debian-package", cls.root / "packages", "--built", BUILD], capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        cls.packages = {path.name.split("_")[0]: path for path in (cls.root / "packages").iterdir()}
        for name, package in cls.packages.items():
            run("dpkg-deb", "-x", str(package), str(cls.root / name))

    @classmethod
    def tearDownClass(cls):
        cls.place.cleanup()

    def field(self, package, name):
        return run("dpkg-deb", "-f", str(self.packages[package]), name).strip()

    def test_packages(self):
        """there are two packages, of the version of the tree"""
        self.assertEqual(sorted(self.packages), ["evmesh", "libevmesh-dev"])
        version = run("meson", "introspect", "--projectinfo", str(ROOT / "meson.build"))
        self.assertIn(f'"{self.field("evmesh", "Version").removesuffix("-1")}"', version)

    def test_programs(self):
        """the programs of the package run, have their man pages and completion, and depend on what they are linked with"""
        place = self.root / "evmesh" / "usr"

        self.assertEqual(sorted(path.name for path in (place / "bin").iterdir()), PROGRAMS)
        for program in PROGRAMS:
            self.assertIn(program, run(str(place / "bin" / program), "--version"))
        self.assertEqual(sorted(path.name for path in (place / "share" / "man").rglob("*.gz")),
                         ["evmesh-maildir.8.gz", "evmesh.1.gz", "evmeshd.8.gz"])
        for file in ("bash-completion/completions/evmesh", "zsh/vendor-completions/_evmesh", "fish/vendor_completions.d/evmesh.fish"):
            self.assertIn("evmesh", (place / "share" / file).read_text(encoding="utf-8"))
        self.assertRegex(self.field("evmesh", "Depends"), r"\blibzmq5\b")

    def test_library(self):
        """the library's package has all that a program is built with, under /usr"""
        place = self.root / "libevmesh-dev" / "usr"

        self.assertTrue((place / "include" / "evmesh" / "evmesh.hpp").exists())
        for name in ("libevmesh.a", "evmeshConfig.cmake", "evmeshConfigVersion.cmake"):
            self.assertEqual(len(list(place.rglob(name))), 1, name)
        [description] = place.rglob("evmesh.pc")
        self.assertIn("prefix=/usr\n", description.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
