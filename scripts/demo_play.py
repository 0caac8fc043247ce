"""What scripts/demo --play does with keys and one line of counts."""

import select
import sys
import termios
import threading
import time
import tty

from demo_mail import short
from demo_screen import DemoFailed, paint, say, screen, stamp

LATE = 30  # seconds after which an event is called lost


class Play:
    """Keys and one line of counts, while mail goes on in a thread of its own."""

    PAIRS = {"1": ("a", "b"), "2": ("b", "c"), "3": ("a", "c")}

    def __init__(self, demo):
        self.demo = demo
        self.stop = threading.Event()

    def run(self):
        demo = self.demo
        say()
        say("  a b c  kill or revive that node      " +
            ("1 2 3  cut or heal a-b, b-c, a-c" if demo.netns else "(cutting links needs root)") + "      q  quit")
        say()
        kept = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
        mailing = threading.Thread(target=self.go_on, daemon=True)
        mailing.start()
        try:
            while not self.stop.is_set():
                self.refresh()
                if select.select([sys.stdin], [], [], 0.5)[0]:
                    self.press(sys.stdin.read(1))
        finally:
            self.stop.set()
            mailing.join()
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, kept)
            screen.end_counts()

    def go_on(self):
        demo = self.demo
        letters = []
        while not self.stop.wait(0.7):
            letter, facts = demo.mail.deliver("bob")
            demo.done(f"{short(letter)} is delivered to bob", facts, patient=False)
            letters.append(letter)
            if len(letters) > 3:
                demo.done(f"bob deletes {short(letters[0])}", demo.mail.expunge(letters[0]), patient=False)
                letters.pop(0)

    def press(self, key):
        demo = self.demo
        try:
            if key in demo.nodes and key in demo.live:
                demo.kill(key)
            elif key in demo.nodes:
                demo.revive(key)
            elif key in self.PAIRS and demo.netns:
                pair = self.PAIRS[key]
                demo.cluster("heal" if pair in demo.cuts else "cut", *pair)
                stamp("link", f"{pair[0]}-{pair[1]} is " + ("healed" if pair in demo.cuts else paint(31, "cut")))
                demo.cuts ^= {pair}
            elif key == "q":
                self.stop.set()
        except DemoFailed as failed:
            stamp("", paint(31, str(failed)[:60]))

    def refresh(self):
        demo = self.demo
        owed = dead = 0
        for node in list(demo.live):
            status = demo.status(node)
            demo.last[node] = status.get("node", {}).get("counters") or demo.last.get(node, {})
            # Each node tells of all.
            for group in status.get("groups", []):
                owed, dead = group["owed"], group["dead"]
        heard = demo.verdict()[1]
        screen.counts(f"  dispatched {demo.total('evmesh_events_dispatched_total')}   delivered {heard}   "
                      f"repaired {demo.total('evmesh_stream_repaired_total')}   gaps {demo.gaps}   lost {self.lost()}   "
                      f"group: owed {owed}   done {len(demo.share.ended())}   dead {dead}")

    def lost(self):
        """While a node is down or a link is cut, what is missing is on its way: it is late, not lost."""
        demo = self.demo
        if len(demo.live) < len(demo.nodes) or demo.cuts:
            return 0
        now = time.monotonic()
        return sum(1 for one in demo.live.values() if not one.gaps for _, when in one.missing() if now - when > LATE)
