#!/usr/bin/python3
"""What shells complete with the scripts of `evmesh completion`."""

import shutil
import subprocess

from daemons import DaemonCase, environment  # first: it adds the path of the next

from cases import main


class CompletionTest(DaemonCase):
    def completed(self, shell, line):
        """What the shell offers for the last word of the line."""
        script = self.run_ok(None, "completion", shell)
        words = " ".join(f"'{word}'" for word in line)
        ask = {
            "bash": f"{script}\nCOMP_WORDS=({words}); COMP_CWORD={len(line) - 1}; _evmesh; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            # The functions of zsh's own that the script calls show what they are given.
            "zsh": "compdef() { : }; _files() { print FILES }\n"
                   "_describe() { local list=${@[-1]}; print -rl -- ${${(M)${(P)list}:#${words[CURRENT]}*}%%:*} }\n"
                   f"{script}\nwords=({words}); CURRENT={len(line)}; _evmesh",
            "fish": f"{script}\ncomplete -C \"{' '.join(line)}\" | string split -f1 \\t",
        }[shell]
        options = {"zsh": ["-f"], "fish": ["--no-config"]}.get(shell, [])
        ran = subprocess.run([shell, *options, "-c", ask], capture_output=True, text=True, check=True, cwd=self.place.name,
                             env=environment(HOME=self.place.name))
        self.assertEqual(ran.stderr, "")
        return ran.stdout.split()

    def test_completion(self):
        """bash, zsh and fish complete verbs and flags, wherever other flags stand"""
        for shell in ("bash", "zsh", "fish"):
            if shutil.which(shell) is None:
                self.skipTest(f"{shell} is not installed")
            for line, wanted in ((["evmesh", "sta"], ["status"]), (["evmesh", "-s", "SOCK", "status", "--wa"], ["--watch", "--wait-members", "--wait-ready"]),
                                 (["evmesh", "-s", "status", "memb"], ["member"]), (["evmesh", "member", "--quiet", "for"], ["forget"]),
                                 (["evmesh", "listen", "-k", "A:b", "--eac"], ["--each-node"]), (["evmesh", "--quie"], ["--quiet"]),
                                 (["evmesh", "member", "ls", "-o", "js"], ["json", "jsonl"]), (["evmesh", "dead-letter", "re"], ["redeliver"]),
                                 (["evmesh", "completion", "f"], ["fish"])):
                with self.subTest(shell=shell, line=line):
                    self.assertEqual(sorted(self.completed(shell, line)), sorted(wanted))


if __name__ == "__main__":
    main()
