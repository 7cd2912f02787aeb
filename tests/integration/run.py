#!/usr/bin/env python3
"""The integration tests: the real programs in network namespaces. Needs root.

Example: tests/integration/run.py --bin build/release/bin test_half_close
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from harness import runner  # noqa: E402

if __name__ == "__main__":
    sys.exit(runner.main(HERE, runner.arguments(__doc__).parse_args()))
