"""What scripts/demo shows: lines from several threads, in colour on a terminal."""

import os
import sys
import threading
import time

COLOUR = sys.stdout.isatty() and sys.argv[3:] != ["ci"] and "NO_COLOR" not in os.environ
DEADLINE = 90  # seconds for one step; ten times what is expected


class DemoFailed(Exception):
    pass


def paint(code, text):
    return f"\x1b[{code}m{text}\x1b[0m" if COLOUR else text


class Screen:
    """Lines from several threads, and in --play one line of counts at the bottom."""

    def __init__(self):
        self.lock = threading.Lock()
        self.bottom = ""

    def line(self, text=""):
        with self.lock:
            erase = "\r\x1b[K" if self.bottom else ""
            print(f"{erase}{text}\n{self.bottom}" if self.bottom else text, end="" if self.bottom else "\n", flush=True)

    def counts(self, text):
        with self.lock:
            self.bottom = text
            print(f"\r\x1b[K{text}", end="", flush=True)

    def end_counts(self):
        with self.lock:
            if self.bottom:
                print(flush=True)
            self.bottom = ""


screen = Screen()


def say(text=""):
    screen.line(text)


def stamp(who, what):
    say(f"  {paint(2, time.strftime('%H:%M:%S'))}  {who:<6}  {what}")


def wait(what, condition, seconds=DEADLINE):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise DemoFailed(f"after {seconds} s still not: {what}")
        time.sleep(0.02)
