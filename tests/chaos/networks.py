"""Networks of their own for the nodes, which can be cut: namespaces on a bridge, packets dropped by nftables."""

import os
import subprocess


class Unavailable(Exception):
    """Why this machine cannot have them."""


def run(command, **more):
    return subprocess.run(command, shell=True, check=True, capture_output=True, text=True, **more)


class Networks:
    def __init__(self, names):
        self.names = list(names)
        self.prefix = f"evmc{os.getpid()}-"
        self.cuts = {}  # (at, source) -> how many cuts want it
        if os.geteuid() != 0:
            raise Unavailable("network namespaces need root")
        try:
            self.make()
        except subprocess.CalledProcessError as failed:
            self.remove()
            raise Unavailable(f"no network namespaces here: {failed.stderr.strip()}") from None

    def make(self):
        p = self.prefix
        run(f"ip netns add {p}hub && ip -n {p}hub link add hub type bridge && ip -n {p}hub link set hub up")
        for name in self.names:
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

    def remove(self):
        for name in (*self.names, "hub"):
            subprocess.run(f"ip netns del {self.prefix}{name}", shell=True, capture_output=True, check=False)

    def address(self, name):
        return f"10.79.0.{self.names.index(name) + 1}"

    def inside(self, name):
        """What stands before a command that runs in the network of `name`."""
        return ("ip", "netns", "exec", self.prefix + name)

    def drop(self, at, source):
        """From now on `at` gets nothing of what `source` sends."""
        self.cuts[at, source] = self.cuts.get((at, source), 0) + 1
        if self.cuts[at, source] == 1:
            self.change("add", at, source)

    def let_pass(self, at, source):
        """Takes one `drop` back."""
        self.cuts[at, source] -= 1
        if self.cuts[at, source] == 0:
            self.change("delete", at, source)

    def change(self, verb, at, source):
        run(f"ip netns exec {self.prefix}{at} nft '{verb} element inet evmesh cut {{ {self.address(source)} }}'")
