#!/usr/bin/env python3
"""The tests of charts and manifests: rendered by real Helm, checked against Kubernetes' API schemas
and by promtool. Needs no root and no cluster.

Example: tests/charts/run.py test_refuses
"""

import argparse
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

import tools  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--write", action="store_true",
                        help="render deploy/manifests anew, instead of testing")
    parser.add_argument("only", nargs="*", help="parts of test names: run only these")
    options = parser.parse_args()
    try:
        python = tools.venv("venv", tools.CHART_PACKAGES)
        helm, promtool = tools.helm(), tools.promtool()
    except tools.Missing as reason:
        must = os.environ.get("CI") == "true"
        print(f"charts: a tool is missing, so nothing was tested: {reason}")
        print(f"0 passed, {int(must)} failed, {int(not must)} skipped")
        return int(must)
    # What follows needs the packages of the virtual environment.
    script = HERE / ("manifests.py" if options.write else "suite.py")
    environment = {**os.environ, "CULVERT_HELM": str(helm), "CULVERT_PROMTOOL": str(promtool)}
    os.execve(python, [str(python), str(script), *options.only], environment)
    return 1


if __name__ == "__main__":
    sys.exit(main())
