"""Runs unittest suites and ends with "N passed, N failed, N skipped"."""

import argparse
import pathlib
import sys
import time
import traceback
import unittest

from .netns import remove_leftovers
from .traffic import raise_fd_limit

OPTIONS = None  # what the command line said; set before any test is loaded


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--bin", default="build/release/bin", help="folder of culvert and culvertctl")
    parser.add_argument("--logs", default="build/logs", help="where the programs' logs are kept")
    parser.add_argument("--large", type=int, default=1, metavar="GB", help="size of the large transfer")
    parser.add_argument("--connections", type=int, default=10000, help="simultaneous connections")
    parser.add_argument("--daemon", help="another daemon than culvert on both nodes (harness check)")
    parser.add_argument("only", nargs="*", help="parts of test names: run only these")
    return parser


class Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.passed = 0

    def startTest(self, test):
        super().startTest(test)
        self._start = time.monotonic()

    def _say(self, word, test, text=""):
        seconds = time.monotonic() - getattr(self, "_start", time.monotonic())
        print(f"{word:7} {getattr(test, '_testMethodName', str(test))} ({seconds:.1f} s)"
              f"{': ' if text else ''}{text}", flush=True)

    def addSuccess(self, test):
        self.passed += 1
        self._say("ok", test)

    def _bad(self, test, error):
        self._say("FAILED", test)
        self._trace(error)

    @staticmethod
    def _trace(error):
        frames = "".join(traceback.format_exception(*error))
        print("    " + frames.strip().replace("\n", "\n    "), flush=True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._bad(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self._bad(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._say("FAILED", test, f"in {subtest._subDescription()}")
            self._trace(err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._say("skipped", test, reason)


def selected(suite, words):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from selected(item, words)
        elif not words or any(w in item.id() for w in words):
            yield item


def main(folder, options):
    global OPTIONS  # pylint: disable=global-statement
    OPTIONS = options
    raise_fd_limit()
    remove_leftovers()
    sys.path.insert(0, str(folder))
    names = sorted(p.stem for p in pathlib.Path(folder).glob("test_*.py"))
    suite = unittest.TestSuite(selected(unittest.defaultTestLoader.loadTestsFromNames(names),
                                        options.only))
    result = Result()
    suite.run(result)
    bad = len(result.failures) + len(result.errors)
    print(f"{result.passed} passed, {bad} failed, {len(result.skipped)} skipped")
    return 1 if bad or result.passed == 0 else 0
