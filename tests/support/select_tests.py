#!/usr/bin/python3
"""Which meson tests lie in which rooms: select_tests.py BUILD-DIR ROOM,ROOM

Prints {"tests": [name], "targets": [file to build]}. A test lies where its program was built from, or its script.
Ends with 1 when a room has no test.
"""

import json
import pathlib
import subprocess
import sys


def main():
    build_dir, rooms = pathlib.Path(sys.argv[1]).resolve(), set(sys.argv[2].split(","))
    introspect = ["meson", "introspect", "--tests", "--targets", str(build_dir)]
    project = json.loads(subprocess.run(introspect, check=True, text=True, capture_output=True).stdout)
    files = {target["id"]: target["filename"] for target in project["targets"]}

    tests, targets, seen = [], [], set()
    for test in project["tests"]:
        room = pathlib.Path(test["cmd"][0]).parent.name
        if room in rooms:
            seen.add(room)
            tests.append(test["name"])
            targets += [str(pathlib.Path(file).relative_to(build_dir))
                        for dependency in test["depends"] for file in files.get(dependency, [])]
    for room in sorted(rooms - seen):
        print(f'select_tests: no test in tests/{room}', file=sys.stderr)
    print(json.dumps({"tests": tests, "targets": sorted(set(targets))}))
    return 1 if rooms - seen else 0


if __name__ == "__main__":
    sys.exit(main())
