#!/usr/bin/python3
"""scripts/bootstrap on machines made of stub programs: nothing is installed here."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
from cases import main  # noqa: E402

DPKG_QUERY = """#!/bin/sh
for package; do :; done
grep -qxF -- "$package" "$STUB/installed" && echo installed && exit 0
exit 1
"""
APT_GET = """#!/bin/sh
echo "apt-get $*" >> "$STUB/calls"
for word; do
  case $word in update | install | -*) ;; *) echo "$word" >> "$STUB/installed" ;; esac
done
"""
SUDO = """#!/bin/sh
echo "sudo" >> "$STUB/calls"
exec "$@"
"""


class Bootstrap(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.stub = pathlib.Path(directory.name)
        (self.stub / "installed").write_text("", encoding="utf-8")
        self.program("dpkg-query", DPKG_QUERY)
        self.program("apt-get", APT_GET)
        self.program("sudo", SUDO)

    def program(self, name, text):
        path = self.stub / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def run_bootstrap(self, *arguments, user="0"):
        self.program("id", f"#!/bin/sh\necho {user}\n")
        environment = dict(os.environ, STUB=str(self.stub), PATH=f"{self.stub}:{os.environ['PATH']}")
        command = [ROOT / "scripts" / "bootstrap", *arguments]
        return subprocess.run(command, env=environment, text=True, capture_output=True, check=False)

    def calls(self):
        path = self.stub / "calls"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def install_all(self, *arguments):
        self.assertEqual(self.run_bootstrap(*arguments).returncode, 0)
        (self.stub / "calls").unlink()

    def test_everything(self):
        """a bare machine gets everything by one update and one install"""
        done = self.run_bootstrap()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([call.split()[-1] for call in self.calls()][:1], ["update"])
        self.assertEqual(len(self.calls()), 2)
        self.assertIn(" libzmq3-dev cppzmq-dev ", self.calls()[1])
        self.assertNotIn("clang-19", self.calls()[1])

    def test_again(self):
        """a second run does nothing and says so"""
        self.install_all()
        done = self.run_bootstrap()
        self.assertEqual((done.returncode, self.calls()), (0, []))
        self.assertRegex(done.stdout, r"^bootstrap: all \d+ packages are installed\n$")

    def test_one(self):
        """exactly what is missing is installed"""
        self.install_all()
        kept = (self.stub / "installed").read_text(encoding="utf-8").replace("catch2\n", "")
        (self.stub / "installed").write_text(kept, encoding="utf-8")
        self.assertEqual(self.run_bootstrap().returncode, 0)
        self.assertTrue(self.calls()[1].endswith("install -y --no-install-recommends catch2"), self.calls())

    def test_sanitizers(self):
        """clang comes only when asked for"""
        self.install_all()
        self.assertEqual(self.run_bootstrap("--with-sanitizers").returncode, 0)
        self.assertTrue(self.calls()[1].endswith(" clang-19 libclang-rt-19-dev lld-19"), self.calls())

    def test_no_install(self):
        """--no-install names what is missing, installs nothing and fails"""
        done = self.run_bootstrap("--no-install")
        self.assertEqual((done.returncode, self.calls()), (1, []))
        self.assertIn("missing: g++ meson", done.stdout)
        self.assertIn("apt-get install g++ meson", done.stderr)

    def test_user(self):
        """a user who is not root goes through sudo"""
        self.assertEqual(self.run_bootstrap(user="1000").returncode, 0)
        self.assertEqual(self.calls()[0], "sudo")

    def test_bad_option(self):
        """an unknown option is refused by name"""
        done = self.run_bootstrap("--fast")
        self.assertEqual((done.returncode, self.calls()), (64, []))
        self.assertIn('unknown option "--fast"', done.stderr)


if __name__ == "__main__":
    main()
