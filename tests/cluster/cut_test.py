#!/usr/bin/env python3
"""Links that are really cut, between network namespaces: usage cut_test.py PEER-PROGRAM. Needs root."""

import os
import subprocess
import unittest

import mesh
from mesh import MeshCase

NAMES = "abc"


def run(command, **more):
    return subprocess.run(command, shell=True, check=True, capture_output=True, text=True, **more)


class CutTest(MeshCase):
    """Three namespaces on a bridge; packets between two of them are dropped by nftables in both."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("network namespaces need root")
        self.prefix = f"evmt{os.getpid()}-"
        self.addCleanup(self.remove_networks)
        try:
            self.make_networks()
        except subprocess.CalledProcessError as failed:
            self.skipTest(f"no network namespaces here: {failed.stderr.strip()}")

    def make_networks(self):
        p = self.prefix
        run(f"ip netns add {p}hub && ip -n {p}hub link add hub type bridge && ip -n {p}hub link set hub up")
        for name in NAMES:
            run(f"ip netns add {p}{name}"
                f" && ip -n {p}hub link add to-{name} type veth peer name eth0 netns {p}{name}"
                f" && ip -n {p}hub link set to-{name} master hub up"
                f" && ip -n {p}{name} addr add {self.address(name)}/24 dev eth0"
                f" && ip -n {p}{name} link set lo up && ip -n {p}{name} link set eth0 up")
            run(f"ip netns exec {p}{name} nft -f -", input="""
                table inet evmesh {
                  set cut { type ipv4_addr; }
                  chain from { type filter hook input priority 0; ip saddr @cut drop; }
                }""")

    def remove_networks(self):
        for name in (*NAMES, "hub"):
            subprocess.run(f"ip netns del {self.prefix}{name}", shell=True, capture_output=True)

    def address(self, name):
        return f"10.78.0.{NAMES.index(name) + 1}"

    def drop(self, verb, at, source):
        """From now on (add), or no longer (delete), `at` gets nothing of what `source` sends."""
        run(f"ip netns exec {self.prefix}{at} nft '{verb} element inet evmesh cut {{ {self.address(source)} }}'")

    def cut(self, one, other):
        self.drop("add", one, other)
        self.drop("add", other, one)

    def heal(self, one, other):
        self.drop("delete", one, other)
        self.drop("delete", other, one)

    def mesh_of_three(self, **options):
        peers = []
        for name in NAMES:
            prefix = ("ip", "netns", "exec", self.prefix + name)
            peers.append(self.node(name, seeds=peers[:1], prefix=prefix, insecure=True,
                                   listen=f"tcp://{self.address(name)}:7520", **options))
        self.wait_in_touch(peers)
        return peers

    def test_cut_and_heal(self):
        """a node that was cut off under load comes back and gets all it missed, or a gap; in both modes, both ways"""
        for mode in ("broadcast", "scale-efficient"):
            with self.subTest(mode):
                a, b, c = self.mesh_of_three(mode=mode)
                loads = {a: f"{mode}-a", b: f"{mode}-b"}
                for peer in (a, b, c):
                    self.listen(peer, listener=mode)
                for peer, label in loads.items():
                    self.load(peer, label, rate=500)

                self.cut("a", "b")
                self.cut("b", "c")
                self.wait("a takes b for dead", lambda: a.state_of("b") == "dead")
                self.wait("b takes a for dead", lambda: b.state_of("a") == "dead")
                self.wait_sent(a, loads[a], a.ask("load", label=loads[a])["sent"] + 500)
                self.heal("a", "b")
                self.heal("b", "c")

                self.wait_in_touch([a, b, c])
                for peer, label in loads.items():
                    self.wait_sent(peer, label, peer.ask("load", label=label)["sent"] + 100)
                    self.stop_load(peer, label)
                for publisher, label in loads.items():
                    sent = self.sent(label)
                    for hearer in {a, b, c} - {publisher}:
                        self.wait_heard_up_to(hearer, publisher, max(sent), mode)
                        heard = self.heard_from(hearer, publisher.id, publisher.epoch, mode)
                        if {hearer.name, publisher.name} == {"a", "c"}:
                            self.check_all(sent, *heard)
                        else:
                            self.check_never_silent(sent, *heard)
                for peer in (a, b, c):
                    peer.kill()

    def test_one_way(self):
        """a link that passes packets one way only is not taken for alive by either end"""
        a, b, c = self.mesh_of_three()

        self.drop("add", "b", "a")

        self.wait("b hears nothing of a", lambda: b.state_of("a") != "alive")
        self.wait("a does not trust what it hears of b", lambda: a.state_of("b") != "alive")
        self.wait("a knows that b does not hear it", lambda: not a.status()["members"]["b"]["hears_us"])
        self.assertNotEqual("alive", a.state_of("b"))
        self.assertNotEqual("alive", b.state_of("a"))
        self.assertEqual("alive", c.state_of("a"))
        self.drop("delete", "b", "a")
        self.wait_in_touch([a, b, c])


if __name__ == "__main__":
    mesh.main()
