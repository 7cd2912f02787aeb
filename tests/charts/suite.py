"""Runs the suites beside it and ends with "N passed, N failed, N skipped"; started by run.py."""

import pathlib
import sys
import time
import traceback
import unittest

HERE = pathlib.Path(__file__).resolve().parent


class Result(unittest.TestResult):
    """Says each test's result as it comes."""

    def __init__(self):
        super().__init__()
        self.passed = 0
        self._start = 0.0

    def startTest(self, test):
        super().startTest(test)
        self._start = time.monotonic()

    def _say(self, word, test, error=None, detail=""):
        print(f"{word:7} {test._testMethodName} ({time.monotonic() - self._start:.1f} s){detail}",
              flush=True)
        if error is not None:
            text = "".join(traceback.format_exception(*error)).strip()
            print("    " + text.replace("\n", "\n    "), flush=True)

    def addSuccess(self, test):
        self.passed += 1
        self._say("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._say("FAILED", test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self._say("FAILED", test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._say("FAILED", test, err, f" in {subtest._subDescription()}")


def selected(suite, words):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from selected(item, words)
        elif not words or any(word in item.id() for word in words):
            yield item


def main(words):
    names = sorted(path.stem for path in HERE.glob("test_*.py"))
    result = Result()
    loaded = unittest.defaultTestLoader.loadTestsFromNames(names)
    unittest.TestSuite(selected(loaded, words)).run(result)
    bad = len(result.failures) + len(result.errors)
    print(f"{result.passed} passed, {bad} failed, {len(result.skipped)} skipped")
    return 1 if bad or result.passed == 0 else 0


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    sys.exit(main(sys.argv[1:]))
