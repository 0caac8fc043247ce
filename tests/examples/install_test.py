#!/usr/bin/env python3
"""What `meson install` gives is enough for a program: usage install_test.py SOURCE BUILD-DIR SANITIZERS COMPILER..."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cases import main  # noqa: E402

SOURCE, BUILD, SANITIZERS, *COMPILER = sys.argv[1:]
del sys.argv[1:]
TREE = pathlib.Path(SOURCE).resolve().parents[2]
CONSUMERS = pathlib.Path(SOURCE).resolve().parent / "consumers"
SANITIZER_FLAGS = [] if SANITIZERS == "none" else ["-fsanitize=" + SANITIZERS]


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
        cls.prefix = pathlib.Path(
            f"{cls.root}/dest" + re.search(r"^prefix=(.*)$", cls.description.read_text(encoding="utf-8"), re.MULTILINE)[1])

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def pkg_config(self, *arguments):
        here = f"--define-variable=prefix={self.prefix}"
        done = run("pkg-config", here, *arguments, "evmesh", PKG_CONFIG_PATH=str(self.description.parent))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split()

    def consumer(self, name):
        """A directory with the files of that kind of consumer and the example; its compiler, as an environment."""
        directory = self.root / name
        shutil.copytree(CONSUMERS / name, directory)
        shutil.copy(SOURCE, directory)
        return directory, {"CXX": " ".join(COMPILER), "CXXFLAGS": " ".join(["-Wall", "-Wextra", "-Werror", *SANITIZER_FLAGS]),
                           "LDFLAGS": " ".join(SANITIZER_FLAGS)}

    def done(self, *command, **environment):
        done = run(*command, **environment)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def check_says_hello(self, program):
        self.assertEqual(sorted(self.done(program).splitlines()), ["b has it", "b hears a letter", "indexing for bob"])

    def test_pkg_config(self):
        """the example compiles, links and runs with what pkg-config says of the installed library alone"""
        flags = self.pkg_config("--cflags", "--libs")
        program = str(self.root / "hello")

        self.done(*COMPILER, "-std=c++20", "-Wall", "-Wextra", "-Werror", *SANITIZER_FLAGS, SOURCE, "-o", program, *flags)

        self.assertTrue(any(str(self.root) in flag for flag in flags), flags)
        self.check_says_hello(program)
        self.assertNotIn("evmesh::testing", self.done("nm", "-C", program))

    def test_unit_test(self):
        """a unit test on simulated nodes compiles against the installed copy alone, and passes"""
        program, example = str(self.root / "unit_test"), str(pathlib.Path(SOURCE).parent / "unit_test.cpp")

        self.done(*COMPILER, "-std=c++20", "-Wall", "-Wextra", "-Werror", *SANITIZER_FLAGS, example, "-o", program,
                  *self.pkg_config("--cflags", "--libs"))

        self.assertEqual(self.done(program).count("holds: "), 2)

    def test_cmake(self):
        """a CMake project finds the installed package, of no later version than it is, and its program runs"""
        project, compiler = self.consumer("cmake")

        self.done("cmake", "-S", str(project), "-B", str(project / "build"), f"-DCMAKE_PREFIX_PATH={self.prefix}", **compiler)
        self.done("cmake", "--build", str(project / "build"), **compiler)

        self.assertIn(f"found evmesh {self.pkg_config('--modversion')[0]}", run("cmake", str(project / "build")).stdout)
        self.check_says_hello(str(project / "build" / "hello"))

    def test_cmake_later_version(self):
        """a CMake project that asks for a later version than the installed one is told so"""
        project, compiler = self.consumer("cmake_later")

        done = run("cmake", "-S", str(project), "-B", str(project / "build"), f"-DCMAKE_PREFIX_PATH={self.prefix}", **compiler)

        self.assertNotEqual(done.returncode, 0)
        self.assertIn('version "1000.0"', done.stderr)

    def test_meson_subproject(self):
        """a Meson project that has this tree as its subproject gets the library alone, and its program runs"""
        project, compiler = self.consumer("subproject")
        (project / "subprojects").mkdir()
        (project / "subprojects" / "evmesh").symlink_to(TREE)
        build = str(project / "build")

        self.done("meson", "setup", build, str(project), "--wrap-mode=nodownload", **compiler)

        targets = self.done("ninja", "-C", build, "-t", "targets", "all").splitlines()
        linked = [line for line in targets if line.endswith("LINKER")]
        self.assertEqual(linked[-1], "hello: cpp_LINKER")
        self.assertEqual([line for line in linked[:-1] if "evmesh/src/" not in line], [])
        # Compiling the library once more would take minutes. Its archives are replaced by the installed one; the consumer
        # is compiled and linked by the very commands with which its build would do it.
        self.done("ninja", "-C", build, "hello.p/hello.cpp.o")
        link = self.done("ninja", "-C", build, "-t", "commands", "-s", "hello").strip()
        for archive in re.findall(r"subprojects/\S+\.a\b", link):
            (pathlib.Path(build) / archive).symlink_to(self.prefix / next(self.prefix.rglob("libevmesh.a")))
        self.done("sh", "-c", f"cd {build} && {link}")
        self.check_says_hello(build + "/hello")

    def test_new_project(self):
        """what scripts/new-project makes builds against the installed copy, its test passes, and its program runs"""
        project, build = self.root / "letters", str(self.root / "letters" / "build")
        self.done(str(TREE / "scripts" / "new-project"), str(project))
        compiler = {"CXX": " ".join(COMPILER), "CXXFLAGS": " ".join(SANITIZER_FLAGS), "LDFLAGS": " ".join(SANITIZER_FLAGS),
                    "PKG_CONFIG_PATH": str(self.installed_description().parent)}

        self.done("meson", "setup", build, str(project), "--wrap-mode=nofallback", **compiler)
        self.done("ninja", "-C", build, **compiler)
        self.done("meson", "test", "-C", build, "--no-rebuild", **compiler)

        self.assertEqual(self.done(build + "/letters"), "bob wrote 1 letter\n")

    def installed_description(self):
        """A pkg-config file that says where the copy really is, as it would after an install without DESTDIR."""
        moved = self.root / "pkgconfig" / "evmesh.pc"
        moved.parent.mkdir(exist_ok=True)
        text = self.description.read_text(encoding="utf-8")
        moved.write_text(re.sub(r"^prefix=.*$", f"prefix={self.prefix}", text, flags=re.MULTILINE), encoding="utf-8")
        return moved

    def test_new_project_refuses(self):
        """scripts/new-project takes no directory that holds something, and no name that cannot be a program's"""
        script, taken = str(TREE / "scripts" / "new-project"), self.root / "taken"
        taken.mkdir()
        (taken / "file").touch()

        self.assertEqual(run(script, str(taken)).returncode, 73)
        self.assertEqual(run(script, str(self.root / "7th heaven")).returncode, 64)
        self.assertEqual([path.name for path in taken.iterdir()], ["file"])

    def test_every_public_header_is_installed(self):
        """every public header is there, and nothing of the rooms"""
        source = TREE / "include"
        [installed] = [path for path in self.root.rglob("evmesh") if (path / "evmesh.hpp").exists()]
        headers = {str(path.relative_to(installed.parent)) for path in installed.parent.rglob("*.hpp")}
        self.assertEqual(headers, {str(path.relative_to(source)) for path in source.rglob("*.hpp")})

    def test_version(self):
        """the description names the version that the headers name"""
        header = next(self.root.rglob("version.hpp")).read_text(encoding="utf-8")
        self.assertIn(f'"{self.pkg_config("--modversion")[0]}"', header)


if __name__ == "__main__":
    main()
