#!/usr/bin/python3
"""check-rooms finds each kind of violation, planted one at a time in a copy of the tree."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
from cases import main  # noqa: E402

LONG_FUNCTION = "void f() {\n" + "  g();\n" * 69 + "}\n"


class CheckRooms(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        shutil.copytree(ROOT / "include", self.root / "include")
        shutil.copytree(ROOT / "src", self.root / "src")

    def plant(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def run_check(self, *arguments):
        command = [ROOT / "scripts" / "check-rooms", "--root", self.root, *arguments]
        return subprocess.run(command, text=True, capture_output=True, check=False)

    def expect(self, finding, *arguments):
        done = self.run_check(*(arguments or ["--no-compile"]))
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn(finding, done.stdout)

    def expect_nothing_about(self, path):
        self.assertNotIn(path, self.run_check("--no-compile").stdout)

    def test_clean(self):
        """a tree in order passes and says so"""
        shutil.rmtree(self.root / "src")
        shutil.rmtree(self.root / "include")
        self.plant("src/base/good.cpp", "int f() { return 42; }\n")
        done = self.run_check()
        self.assertEqual((done.returncode, done.stdout), (0, "check-rooms: the rooms are in order\n"))

    def test_up(self):
        """an include of a higher room is found"""
        self.plant("src/base/bad.cpp", '#include "bus/mesh_bus.hpp"\n')
        self.expect('src/base/bad.cpp:1: "bus/mesh_bus.hpp" includes up: base may not use bus')

    def test_hidden_by_the_precompiled_header(self):
        """a name of the standard library without its header is found, one with it in a file of ours is not"""
        self.plant("src/base/mine.hpp", "#pragma once\n#include <mutex>\n")
        self.plant("src/base/good.cpp", '#include "base/mine.hpp"\n\nstd::mutex mutex;\n')
        self.expect_nothing_about("src/base/good.cpp")
        self.plant("src/base/bad.cpp", "// std::mutex\nstd::mutex mutex;\n")
        self.expect("src/base/bad.cpp:2: std::mutex without <mutex>")

    def test_sideways(self):
        """an include of a neighbour is found"""
        self.plant("src/routing/bad.hpp", '#pragma once\n#include "membership/view.hpp"\n')
        self.expect('src/routing/bad.hpp:2: "membership/view.hpp" includes sideways')

    def test_down(self):
        """an include of a lower room is fine"""
        self.plant("src/routing/good.hpp", '#pragma once\n#include "wire/frame.hpp"\n#include "routing/x.hpp"\n')
        self.expect_nothing_about("src/routing/good.hpp")

    def test_roomless(self):
        """an include that names no room is found"""
        self.plant("src/routing/bad.cpp", '#include "x.hpp"\n')
        self.expect('src/routing/bad.cpp:1: "x.hpp" names no room')

    def test_unknown_room(self):
        """a folder that is no room is found"""
        self.plant("src/utils/bad.cpp", "")
        self.expect("src/utils/bad.cpp:1: utils is no room")

    def test_libraries(self):
        """a library outside the rooms it may be in is found"""
        for header, path in [
                ("zmq.hpp", "src/bus/bad.cpp"), ("zmq.h", "src/wire/bad.cpp"),
                ("cereal/archives/portable_binary.hpp", "src/wire/bad.cpp"), ("boost/program_options.hpp", "src/admin/bad.cpp"),
                ("microhttpd.h", "src/bus/bad.cpp"), ("curl/curl.h", "src/admin/bad.cpp"),
                ("nlohmann/json.hpp", "src/base/bad.cpp"), ("spdlog/spdlog.h", "src/bus/bad.cpp"),
                ("fmt/format.h", "src/bus/bad.cpp"), ("sqlite3.h", "src/work/bad.cpp"),
                ("sodium.h", "src/event/bad.cpp"), ("thread", "src/transport/bad.cpp")]:
            with self.subTest(header):
                self.plant(path, f"#include <{header}>\n")
                self.expect(f"{path}:1: <{header}> is for ")
                (self.root / path).unlink()

    def test_json_header(self):
        """JSON in a header is found even where JSON may be"""
        self.plant("src/event/bad.hpp", "#pragma once\n#include <nlohmann/json.hpp>\n")
        self.expect("src/event/bad.hpp:2: <nlohmann/json.hpp> belongs in .cpp files")

    def test_pure_includes(self):
        """a lock, a file or a random device in a pure room is found"""
        for header in ["mutex", "condition_variable", "random", "fstream", "unistd.h", "sys/socket.h"]:
            with self.subTest(header):
                self.plant("src/membership/bad.cpp", f"#include <{header}>\n")
                self.expect(f"src/membership/bad.cpp:1: <{header}> in membership, which is pure")

    def test_pure_words(self):
        """reading a clock in a pure room is found, mentioning one in a comment is not"""
        self.plant("src/routing/bad.cpp", "// not std::chrono::steady_clock::now()\n"
                   "auto t = std::chrono::steady_clock::now();\n")
        self.expect("src/routing/bad.cpp:2: steady_clock::now in routing, which is pure")

    def test_public_include(self):
        """a foreign include in a public header is found"""
        self.plant("include/evmesh/bad.hpp", "#pragma once\n#include <zmq.hpp>\n")
        self.expect("include/evmesh/bad.hpp:2: <zmq.hpp>: a public header includes the standard library")

    def test_public_private(self):
        """a public header that includes a room is found"""
        self.plant("include/evmesh/bad.hpp", '#pragma once\n#include "base/clock.hpp"\n')
        self.expect('include/evmesh/bad.hpp:2: "base/clock.hpp": a public header includes')

    def test_public_type(self):
        """a foreign type in a public header is found"""
        self.plant("include/evmesh/bad.hpp", "#pragma once\nnamespace zmq { class context_t; }\n"
                   "void use(zmq::context_t&);\n")
        self.expect("include/evmesh/bad.hpp:3: zmq::context_t in a public header")

    def test_public_alone(self):
        """a public header that does not compile alone is found"""
        shutil.rmtree(self.root / "include")  # compiling the others would only take time
        self.plant("include/evmesh/bad.hpp", "#pragma once\nstd::string name();\n")
        self.expect("include/evmesh/bad.hpp:1: does not compile alone", "--root", str(self.root))

    def test_long_file(self):
        """a file of 501 lines is found, one of 500 is not"""
        self.plant("src/base/long.cpp", "// line\n" * 500)
        self.expect_nothing_about("src/base/long.cpp")
        self.plant("src/base/long.cpp", "// line\n" * 501)
        self.expect("src/base/long.cpp:501: 501 lines; at most 500")

    def test_long_function(self):
        """a function of 71 lines is found, one of 70 is not"""
        self.plant("src/base/long.cpp", "namespace evmesh {\n" + LONG_FUNCTION.replace("  g();\n", "", 1) + "}\n")
        self.expect_nothing_about("src/base/long.cpp")
        self.plant("src/base/long.cpp", "namespace evmesh {\n" + LONG_FUNCTION + "}\n")
        self.expect("src/base/long.cpp:2: a function of 71 lines; at most 70")

    def test_dangling(self):
        """a loop over what a returned pointer or document holds is found, one over a name is not"""
        for bad in ["*groups()", "*node->groups()", 'Json::parse(text).at("items")']:
            with self.subTest(bad):
                self.plant("src/base/loop.cpp", f"void f() {{\n  for (auto& each : {bad}) use(each);\n}}\n")
                self.expect("src/base/loop.cpp:2: for (auto& each : ")
        self.plant("src/base/loop.cpp", "void f() {\n  for (auto& each : *groups) use(each);\n"
                   "  for (auto& each : groups()) use(each);\n}\n")
        self.expect_nothing_about("src/base/loop.cpp")

    def test_refused_by_clang(self):
        """an algorithm that clang-19 refuses is found"""
        self.plant("src/base/sort.cpp", "#include <algorithm>\nvoid f() { std::stable_sort(a, b); }\n")
        self.expect("src/base/sort.cpp:2: stable_sort does not compile with clang-19")

    def test_braces_in_text(self):
        """braces in literals and comments do not make functions longer"""
        self.plant("src/base/text.cpp", 'void f() { g("{", \'{\', 65\'536); /* { */ }  // {\n' + "\n" * 80 + "int x;\n")
        self.expect_nothing_about("src/base/text.cpp")


if __name__ == "__main__":
    main()
