#!/usr/bin/env python3
"""Tests of the container image: the archive, and the programs in it under runc. Needs root.

Makes an image of the programs in --bin, or takes the archive that CULVERT_IMAGE names; with
CULVERT_IMAGE=build it makes the real one, of this commit on Debian 13 (deploy/image/build).

Example: tests/image/run.py --bin build/release/bin test_traffic
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "integration"))

from harness import runner  # noqa: E402

if __name__ == "__main__":
    sys.exit(runner.main(HERE, runner.arguments(__doc__).parse_args()))
