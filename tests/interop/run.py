#!/usr/bin/env python3
"""Interoperability: a mesh with culvert on one node and a foreign daemon on the other, and foreign
clients of port 15008; a real Envoy. Needs root; CULVERT_PEER names the binary of a reference ztunnel."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "integration"), str(HERE.parent / "support")]

from harness import runner  # noqa: E402

if __name__ == "__main__":
    sys.exit(runner.main(HERE, runner.arguments(__doc__).parse_args()))
