#!/usr/bin/env python3
"""Runs the lint checks: those named on the command line, or all of them.

A check is a module here with a function check(tree) that returns a list of problems, each one line
that starts with a path. Ends with "N passed, N failed", one per check.
"""

import importlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from tree import Tree  # noqa: E402

CHECKS = ["layers", "headers", "coroutines", "sources", "parity", "formatting"]


def main(names):
    tree = Tree(pathlib.Path(__file__).resolve().parents[2])
    failed = 0
    for name in names:
        problems = importlib.import_module(name).check(tree)
        print(f"{'FAILED' if problems else 'ok    '} {name}")
        for problem in problems:
            print(f"  {problem}")
        failed += bool(problems)
    print(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or CHECKS))
