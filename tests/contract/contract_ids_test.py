#!/usr/bin/python3
"""contract-ids sees what is missing: usage contract_ids_test.py"""

import pathlib
import subprocess
import tempfile
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
SCRIPT = REPOSITORY / "scripts" / "contract-ids"


def tag(identity):
    """Put together here, so that this file carries none itself."""
    return "[" + identity + "]"


def check(directory):
    done = subprocess.run([SCRIPT, directory], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


class ContractIds(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.tests = pathlib.Path(directory.name)
        # Every tag of the real suite, so that one change at a time is all that is wrong.
        sources = sorted((REPOSITORY / "tests").rglob("*_test.cpp"))
        self.text = "\n".join(source.read_text() for source in sources)
        (self.tests / "meson.build").write_text("files('all_test.cpp', 'more_test.cpp')")

    def write(self, text, name="all_test.cpp"):
        (self.tests / name).write_text(text)

    def test_the_whole_suite_is_complete(self):
        self.write(self.text)

        self.assertEqual(check(self.tests)[0], 0)

    def test_a_contract_that_no_test_carries_is_named(self):
        self.write(self.text.replace(tag("K05"), ""))

        code, output = check(self.tests)

        self.assertEqual(code, 1)
        self.assertIn("K05: no test carries it", output)

    def test_a_file_that_nobody_builds_carries_nothing(self):
        self.write(self.text.replace(tag("K05"), ""))
        self.write(f'"{tag("K05")}"', "forgotten_test.cpp")

        code, output = check(self.tests)

        self.assertEqual(code, 1)
        self.assertIn("K05: no test carries it", output)

    def test_a_comment_carries_nothing(self):
        self.write(self.text.replace(tag("K05"), "") + f"\n// {tag('K05')}\n")

        self.assertEqual(check(self.tests)[0], 1)

    def test_a_contract_left_for_later_may_not_be_carried_unnoticed(self):
        self.write(self.text)
        self.write(f'TEST_CASE("x", "{tag("S05")}")', "more_test.cpp")

        code, output = check(self.tests)

        self.assertEqual(code, 1)
        self.assertIn("S05: listed as left for later", output)

    def test_an_unknown_contract_is_named(self):
        self.write(self.text)
        self.write(f'TEST_CASE("x", "{tag("K99")}")', "more_test.cpp")

        code, output = check(self.tests)

        self.assertEqual(code, 1)
        self.assertIn("K99: unknown, carried by more_test.cpp", output)


if __name__ == "__main__":
    unittest.main()
