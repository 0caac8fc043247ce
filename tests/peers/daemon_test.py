#!/usr/bin/python3
"""What evmeshd takes and refuses, and how it starts and ends."""

import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess

from daemons import DAEMON, DEADLINE, PROGRAM, DaemonCase, environment, eventually  # first: it adds the path of the next

from cases import main

DATA = "--node.data-dir=d"
WRONG_FLAGS = [
    (["--node.nam=x", DATA], "--node.name"),
    (["--node", "x", DATA], "--node"),  # no guessing from the beginning
    (["--node.mode", "--check-config"], "node.mode"),
    ([DATA, "--node.name=a", "--node.name=b"], "twice"),
    ([DATA, "--node.mode=solo"], "broadcast"),
    ([DATA, "--node.name=a/b"], "a/b"),
    ([DATA, "--node.name=" + "n" * 65], "64"),
    ([DATA, "--node.name="], "--node.name"),
    ([DATA, "--node.name=a\nb"], "\\n"),
    ([DATA, "--bus.event-size-max=17MiB"], "16MiB"),
    ([DATA, "--bus.event-size-max=1000"], "unit"),
    ([DATA, "--bus.notify-wait=30"], "30s"),
    ([DATA, "--bus.level=safe"], "memory, disk, replicated"),
    ([DATA, "--bus.level=replicated"], "mode mono has none"),
    ([DATA, "--bus.copies=6"], "auto, 1, 2, 3, 4, 5"),
    ([DATA, "--bus.degraded=maybe"], "allow, refuse"),
    (["--transient", "--admin.socket=s", "--bus.level=disk"], "data_dir"),
    ([DATA, "--journal.reserve=7MiB"], "8MiB to 16GiB"),
    ([DATA, "--journal.reserve=17GiB"], "8MiB to 16GiB"),
    ([DATA, "--journal.dead-letters=1023KiB"], "1MiB to 1024GiB"),
    ([DATA, "--journal.dead-letters=1025GiB"], "1MiB to 1024GiB"),
    ([DATA, "--node.execute-group-listeners=maybe"], "true, false"),
    ([DATA, "--mesh.join-timeout=-3s"], "-3s"),
    ([DATA, "--mesh.join-timeout=61s"], "60s"),
    ([DATA, "--mesh.max-nodes=65"], "64"),
    ([DATA, "--mesh.max-nodes=1e1"], "1e1"),
    ([DATA, "--mesh.seed=tcp://127.0.0.1:1"], "mode mono has no mesh"),
    ([DATA, "--mesh.listen=tcp://127.0.0.1:1"], "mesh.listen"),
    ([DATA, "--node.mode=broadcast", "--mesh.listen=tcp://0.0.0.0:7520", "--mesh.advertise=tcp://127.0.0.1:7520"], "insecure"),
    ([DATA, "--node.mode=broadcast", "--mesh.listen=tcp://127.0.0.1:65536"], "65536"),
    ([DATA, "--node.mode=broadcast", "--mesh.seed=tcp://[::1"], "::1"),
    ([DATA, "--bus.name=a", "--bus.name=a"], "twice"),
    ([DATA, "--log.level=loud"], "loud"),
    ([DATA, "--admin.socket=/" + "s" * 107], "107"),
    ([DATA, "word"], "word"),
    ([], "--transient"),
    (["--transient", DATA], "node.data-dir"),
]
WRONG_FILES = [
    ("[node]\nnaem = a\n", "f.conf:2: unknown key", "node.name"),
    ("[node]\nname = a\nname = b\n", "f.conf:3:", "line 2"),
    ("name = a\n", "f.conf:1:", "[section]"),
    ("[node]\nname\n", "f.conf:2:", "key = value"),
    ("[mesh]\njoin-timeout = 30\n", "f.conf:2:", "30s"),
    ("[node]\nmode = x\r\n", "f.conf:2:", "broadcast"),
    ("[node\n", "f.conf:1:", "[section]"),
    ("[node]\nname = a\0b\n", "f.conf:2:", "control"),
    ("[bus]\nring-size = 18446744073709551616MiB\n", "f.conf:2:", "size"),
    ("[bus]\nring-size = 65GiB\n", "f.conf:2: bus.ring-size:", "64GiB"),
    ("[bus]\nring-size = 4MiB\n", "f.conf:2: bus.ring-size:", "at least bus.window (8MiB)"),
    ("[bus]\nwindow = 65MiB\n", "f.conf:2: bus.window:", "over bus.ring-size (64MiB)"),
    ("[bus]\nevent-size-max = 16MiB\n", "f.conf:2: bus.event-size-max:", "bus.window (8MiB)"),
    ("[bus]\nlevel = replicated\n", "f.conf:2: bus.level:", "mode mono has none"),
    ("[journal]\nreserve = 1GB\n", "f.conf:2: journal.reserve:", "1GB"),
    ("[node]\nname = a/b\n", "f.conf:2: node.name:", "a/b"),
    ("[bus]\nname = a\nname = b!\n", "f.conf:3: bus.name:", "b!"),
    ("[bus]\nname = a\nname = b\nname = a\n", "f.conf:4: bus.name:", "twice"),
    ("[node]\nmode = broadcast\n[mesh]\nlisten = 127.0.0.1:1\n", "f.conf:4: mesh.listen:", "127.0.0.1:1"),
    ("[node]\nmode = broadcast\n[mesh]\nadvertise = x\n", "f.conf:4: mesh.advertise:", '"x"'),
    ("[node]\nmode = broadcast\n[mesh]\nseed = tcp://127.0.0.1:1\nseed = tcp://127.0.0.1\n", "f.conf:5: mesh.seed:", "127.0.0.1"),
    ("[mesh]\nseed = tcp://127.0.0.1:1\n", "f.conf:2: mesh.seed:", "mode mono has no mesh"),
]
GOOD_FILES = ["[node]\ndata-dir = d\n", "\ufeff[node]\r\ndata-dir = d\r\n", "# all\n[node]\ndata-dir = d  # here\n[bus]\nname=a\nname=b\n"]


class DaemonTest(DaemonCase):
    def write(self, text):
        (pathlib.Path(self.place.name) / "f.conf").write_bytes(text.encode())

    def test_wrong_flags(self):
        """a wrong flag ends with 64 and one line that names it, and nothing starts"""
        for flags, wanted in WRONG_FLAGS:
            with self.subTest(flags=flags):
                ran = self.run_daemon(*flags)

                self.assertEqual(ran.returncode, 64, ran.stderr)
                self.assertIn(wanted, ran.stderr)
                self.assertEqual(ran.stderr.count("\n"), 1)
                self.assertFalse((pathlib.Path(self.place.name) / "d").exists())

    def test_wrong_files(self):
        """a wrong file ends with 78 naming file and line, in --check-config too"""
        for text, place, wanted in WRONG_FILES:
            self.write(text)
            for flags in ([DATA], [DATA, "--check-config"]):
                with self.subTest(text=text, flags=flags):
                    ran = self.run_daemon("-c", "f.conf", *flags)

                    self.assertEqual(ran.returncode, 78, ran.stderr)
                    self.assertIn(place, ran.stderr)
                    self.assertIn(wanted, ran.stderr)

    def test_origin_beside_a_file(self):
        """a wrong flag or variable ends with 64 and its name, whatever good file was read too"""
        self.write("[node]\nmode = broadcast\nname = good\n[bus]\nname = good\n")
        for flags, variables, wanted in (
                (["--node.name=a/b"], {}, "--node.name: "), ([], {"EVMESH_NODE_NAME": "a/b"}, "EVMESH_NODE_NAME: node.name: "),
                (["--mesh.seed=x"], {}, "--mesh.seed: "), ([], {"EVMESH_MESH_LISTEN": "x"}, "EVMESH_MESH_LISTEN: mesh.listen: "),
                (["--bus.name=!"], {}, "--bus.name: ")):
            with self.subTest(flags=flags, variables=variables):
                ran = self.run_daemon("-c", "f.conf", DATA, *flags, **variables)

                self.assertEqual(ran.returncode, 64, ran.stderr)
                self.assertIn(wanted, ran.stderr)

    def test_seed_twice(self):
        """a seed given twice is warned of with its line, and taken"""
        self.write("[node]\nmode = broadcast\n[mesh]\nseed = tcp://127.0.0.1:1\nseed = tcp://127.0.0.1:1\n")

        ran = self.run_daemon("-c", "f.conf", DATA, "--check-config")

        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("warning: f.conf:5: mesh.seed: ", ran.stderr)

    def test_unreadable_files(self):
        """a file that is absent, a directory or too large ends with 78"""
        self.write("#" * (2 << 20))
        for name in ("absent.conf", ".", "f.conf"):
            with self.subTest(name=name):
                self.assertEqual(self.run_daemon("-c", name, DATA).returncode, 78)

    def test_good_files(self):
        """--check-config takes what a start takes"""
        for text in GOOD_FILES:
            self.write(text)
            with self.subTest(text=text):
                ran = self.run_daemon("-c", "f.conf", "--check-config")

                self.assertEqual(ran.returncode, 0, ran.stderr)

    def test_precedence(self):
        """flags go over variables, variables over files, files over defaults, and each says where it is from"""
        self.write("[node]\ndata-dir = d\nname = file\ndelivery = synchronous\n[mesh]\ncluster = file\n")

        ran = self.run_daemon("-c", "f.conf", "--node.name=flag", "--print-config", EVMESH_NODE_NAME="variable",
                              EVMESH_MESH_CLUSTER="variable")

        self.assertIn("name = flag  # --node.name\n", ran.stdout)
        self.assertIn("cluster = variable  # EVMESH_MESH_CLUSTER\n", ran.stdout)
        self.assertIn("delivery = synchronous  # f.conf:4\n", ran.stdout)
        self.assertIn("level = info  # default\n", ran.stdout)

    def test_printed_config(self):
        """what --print-config prints is read back as the same"""
        printed = self.run_daemon(DATA, "--node.mode=broadcast", "--print-config").stdout
        self.write(printed)

        again = self.run_daemon("-c", "f.conf", "--print-config").stdout

        strip = lambda text: [line.split("  #")[0] for line in text.splitlines()]
        self.assertEqual(strip(again), strip(printed))

    def test_unknown_variable(self):
        """an unknown EVMESH_ variable is an error with the nearest name"""
        ran = self.run_daemon(DATA, EVMESH_NODE_MOD="mono")

        self.assertEqual(ran.returncode, 64)
        self.assertIn("EVMESH_NODE_MODE", ran.stderr)

    def test_ready_file(self):
        """the ready file holds the real endpoints, and the socket is for its owner only"""
        node = self.start("one", "--node.mode=broadcast", "--mesh.listen=tcp://127.0.0.1:0")

        self.assertEqual(node.ready["pid"], node.process.pid)
        self.assertRegex(node.ready["work"], r"tcp://127\.0\.0\.1:[1-9]\d+")
        self.assertRegex(node.ready["publish"], r"tcp://127\.0\.0\.1:[1-9]\d+")
        self.assertEqual(node.ready["admin"], node.socket)
        self.assertEqual(stat.S_IMODE(os.stat(node.socket).st_mode), 0o600)

    def test_ready_file_goes(self):
        """the ready file goes with a polite stop, and a start that fails leaves none"""
        node = self.start("one")
        self.assertEqual(node.end(), 0)
        after_stop = node.ready_file.exists()
        node.ready_file.write_text("of an earlier life")
        (node.directory / "admin.sock").mkdir()

        failed = self.run_daemon("--node.data-dir", str(node.directory), "--ready-file", str(node.ready_file))

        self.assertFalse(after_stop)
        self.assertEqual(failed.returncode, 73, failed.stderr)
        self.assertFalse(node.ready_file.exists())

    def test_second_daemon(self):
        """a second daemon on one data directory ends with 73 naming the pid of the first"""
        node = self.start("one")

        second = self.run_daemon("--node.data-dir", str(node.directory))

        self.assertEqual(second.returncode, 73, second.stderr)
        self.assertIn(str(node.process.pid), second.stderr)

    def mounted(self, *options):
        """A small file system of its own."""
        if os.geteuid() != 0:
            self.skipTest("mounting needs root")
        place = pathlib.Path(self.place.name) / "mounted"
        place.mkdir(exist_ok=True)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", place], capture_output=True, text=True)
        if mounted.returncode != 0:
            self.skipTest(f"mounting is not possible here: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", place], check=True)
        return place

    def test_full_disk(self):
        """a full disk ends the start with 74, and a file system that refuses with 73"""
        full = self.mounted("size=4k")  # room for the lock, not for the identity
        for flags in ([], ["--node.mode=broadcast", "--mesh.listen=tcp://127.0.0.1:0"]):
            with self.subTest(flags=flags):
                ran = self.run_daemon(f"--node.data-dir={full}/d", "--admin.socket=a.sock", *flags)

                self.assertEqual(ran.returncode, 74, ran.stderr)
                self.assertIn("No space left on device", ran.stderr)

        subprocess.run(["mount", "-o", "remount,ro", full], check=True)
        refused = self.run_daemon(f"--node.data-dir={full}/other", "--admin.socket=a.sock")

        self.assertEqual(refused.returncode, 73, refused.stderr)

    def test_twin(self):
        """a copy of a living node's data directory ends with 65, and the first lives on"""
        one, two = self.mesh()
        copy = pathlib.Path(self.place.name) / "copy"
        copy.mkdir()
        shutil.copy(two.directory / "identity", copy)

        twin = self.run_daemon("--node.data-dir", str(copy), "--node.name=two", "--node.mode=broadcast", "--mesh.listen=tcp://127.0.0.1:0",
                               "--mesh.seed", one.ready["work"])

        self.assertEqual(twin.returncode, 65, twin.stderr)
        self.assertIsNone(two.process.poll())

    def test_second_signal(self):
        """a second signal ends a polite stop at once, with 128 and its number"""
        for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
            with self.subTest(number=number):
                one, two = self.mesh()
                heard = subprocess.Popen([PROGRAM, "listen", "-k", "User:bob", "--server", two.socket], env=environment(),
                                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                self.assertIn("listening", heard.stderr.readline())
                two.process.send_signal(signal.SIGSTOP)  # the stop waits for what this node has not heard yet
                self.run_ok(one, "dispatch", "t", "-k", "User:bob", "--wait-seen", "0")

                one.process.send_signal(signal.SIGTERM)
                eventually(lambda: "stopping" in pathlib.Path(one.log.name).read_text())
                one.process.send_signal(number)

                self.assertEqual(one.process.wait(DEADLINE), code)
                two.process.send_signal(signal.SIGCONT)
                two.end()
                heard.communicate(timeout=DEADLINE)
                for node in (one, two):
                    node.ready_file.unlink(missing_ok=True)

    def test_port_in_use(self):
        """a port in use ends with 73 naming it"""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            endpoint = f"tcp://127.0.0.1:{taken.getsockname()[1]}"

            ran = self.run_daemon(DATA, "--node.mode=broadcast", "--mesh.listen", endpoint)

        self.assertEqual(ran.returncode, 73, ran.stderr)
        self.assertIn(endpoint, ran.stderr)

    def test_signal_before_ready(self):
        """a signal while the node is joining ends it at once with 128 and the signal's number"""
        for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
            with self.subTest(number=number), socket.socket() as silent:
                silent.bind(("127.0.0.1", 0))
                silent.listen()
                silent.settimeout(DEADLINE)
                joining = subprocess.Popen(
                    [DAEMON, "--transient", "--admin.socket=a.sock", "--node.mode=broadcast", "--mesh.listen=tcp://127.0.0.1:0",
                     f"--mesh.seed=tcp://127.0.0.1:{silent.getsockname()[1]}", "--mesh.join-timeout=60s"],
                    cwd=self.place.name, env=environment(), stderr=subprocess.DEVNULL)
                self.addCleanup(joining.kill)
                with silent.accept()[0]:
                    joining.send_signal(number)

                    self.assertEqual(joining.wait(DEADLINE / 3), code)

    def test_term(self):
        """TERM and INT stop politely with 0 and take the socket away; after kill -9 the next start takes its place"""
        for number in (signal.SIGTERM, signal.SIGINT):
            node = self.start("one")
            node.process.send_signal(number)
            self.assertEqual(node.process.wait(DEADLINE), 0)
            self.assertFalse(os.path.exists(node.socket))
        killed = self.start("one")
        killed.process.kill()
        killed.process.wait(DEADLINE)
        killed.ready_file.unlink()

        self.assertEqual(self.start("one").end(), 0)


if __name__ == "__main__":
    main()
