"""Runs unittest cases and counts them as the C++ tests are counted (see README.md).

    from cases import main
    if __name__ == "__main__":
        main()

A case is named by the first line of its docstring, or by its method.
"""

import os
import sys
import unittest


def skips_are_failures():
    return os.environ.get("EVMESH_NO_SKIP") == "1"


class CaseResult(unittest.TextTestResult):
    def write(self, what, test):
        directory = os.environ.get("EVMESH_CASES_DIR")
        if directory is None:
            return
        name = test.shortDescription() or test.id()
        path = os.path.join(directory, f"{os.path.basename(sys.argv[0])}.{os.getpid()}.cases")
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{what}\t{name}\n")

    def startTest(self, test):
        super().startTest(test)
        self.subtest_failed = False
        self.write("started", test)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        self.subtest_failed = self.subtest_failed or err is not None
        if err is not None:
            self.write("failed", test)

    def addSuccess(self, test):
        super().addSuccess(test)
        if not self.subtest_failed:
            self.write("passed", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.write("failed", test)

    def addError(self, test, err):
        super().addError(test, err)
        self.write("failed", test)

    def addSkip(self, test, reason):
        if skips_are_failures():
            return self.addFailure(test, (AssertionError, AssertionError(f"may not be skipped: {reason}"), None))
        super().addSkip(test, reason)
        print(f"SKIPPED ({reason})", flush=True)
        self.write("skipped", test)


def main():
    unittest.main(testRunner=unittest.TextTestRunner(resultclass=CaseResult, verbosity=2))
