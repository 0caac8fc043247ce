#!/usr/bin/python3
"""Adds up test cases after `meson test`: count_cases.py BUILD-DIR CASES-DIR

Prints what failed and what was skipped, and as its last line "N passed, N failed, N skipped". Ends with 1 when
anything failed or nothing ran. How cases are counted: README.md beside this file.
"""

import collections
import json
import pathlib
import sys

BAD_RESULTS = {"FAIL", "TIMEOUT", "ERROR", "INTERRUPT", "UNEXPECTEDPASS"}


def read_cases(path):
    """Outcome by case name of one process; a case that started and never ended has crashed or hung."""
    outcomes = collections.OrderedDict()
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        what, _, name = line.partition("\t")
        if outcomes.get(name) != "failed":
            outcomes[name] = what
    return {name: "failed" if what == "started" else what for name, what in outcomes.items()}


def cases_by_program(directory):
    programs = collections.defaultdict(list)
    for path in sorted(pathlib.Path(directory).glob("*.cases")):
        program = path.name.rsplit(".", 2)[0]  # <program>.<pid>.cases
        programs[program] += read_cases(path).items()
    return programs


def tests_by_program(build_dir, programs):
    """Meson's tests, grouped by the program that counted its own cases; the others stand alone."""
    groups = collections.defaultdict(list)
    log = pathlib.Path(build_dir) / "meson-logs" / "testlog.json"
    for line in log.read_text(encoding="utf-8").splitlines():
        test = json.loads(line)
        names = [pathlib.Path(word).name for word in test["command"]]
        program = next((name for name in names if name in programs), None)
        groups[program or test["name"]].append(test)
    return groups


def outcome(test):
    if test["result"] == "SKIP":
        return "skipped"
    return "failed" if test["result"] in BAD_RESULTS else "passed"


def count(build_dir, cases_dir):
    programs = cases_by_program(cases_dir)
    outcomes = []
    for program, tests in tests_by_program(build_dir, programs).items():
        bad = [(test["name"], "failed") for test in tests if outcome(test) == "failed"]
        cases = programs.get(program)
        if cases is None:
            outcomes += [(test["name"], outcome(test)) for test in tests]
            continue
        outcomes += [(f"{program}: {name}", what) for name, what in cases]
        if bad and "failed" not in [what for _, what in cases]:
            outcomes += bad  # every case passed and the program still failed: a leak report, a crash at exit
    return outcomes


def main():
    outcomes = count(sys.argv[1], sys.argv[2])
    for wanted in ("skipped", "failed"):
        for name, what in outcomes:
            if what == wanted:
                print(f"{wanted.upper()}: {name}")
    totals = collections.Counter(what for _, what in outcomes)
    print(f"{totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped")
    return 1 if totals["failed"] or not totals["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
