#!/usr/bin/env python3
"""Runs clang-tidy over the sources of a build that clang configured; any warning is a failure.

  tests/support/tidy.py BUILD [WORD]      only files whose path contains WORD

What passed is remembered by the text that the compiler sees and the settings (in
~/.cache/culvert-tidy), so that a second run looks only at what changed.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = "clang-tidy-19"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "culvert-tidy"


def fingerprint(entry, settings):
    """Of everything that the answer depends on; None when the file does not compile."""
    command = re.sub(r" -o \S+ -c ", " -E -P -o - ", entry["command"])
    run = subprocess.run(command, shell=True, cwd=entry["directory"], capture_output=True, check=False)
    return hashlib.sha256(settings + run.stdout).hexdigest() if run.returncode == 0 else None


def ours(output):
    """The warnings whose place is in the project: those of library headers are not ours to mend."""
    parts = re.split(r"(?m)^(?=\S+:\d+:\d+: (?:warning|error):)", output)
    return "".join(p for p in parts if p.startswith(str(ROOT)) or ": error:" in p.split("\n")[0]).strip()


def inspect(entry, build, settings):
    """The warnings about one file; empty when there are none."""
    key = fingerprint(entry, settings)
    passed = CACHE / key if key else None
    if passed and passed.exists():
        return ""
    run = subprocess.run([TOOL, "--quiet", "-p", build, entry["file"]], capture_output=True, text=True, check=False)
    found = ours(run.stdout)
    if run.returncode == 0 and not found:
        if passed:
            passed.touch()
        return ""
    return found or run.stderr.strip()


def main():
    build, word = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = [e for e in json.load(file)
                   if e["file"].startswith(str(ROOT / "src")) and word in e["file"]]
    CACHE.mkdir(parents=True, exist_ok=True)
    version = subprocess.run([TOOL, "--version"], capture_output=True, check=True).stdout
    settings = version + (ROOT / ".clang-tidy").read_bytes()
    jobs = int(os.environ.get("CULVERT_JOBS") or os.cpu_count())
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for entry, text in zip(entries, pool.map(lambda e: inspect(e, build, settings), entries)):
            if text:
                failed += 1
                print(f"{entry['file']}:\n{text[:6000]}")
    print(f"{len(entries) - failed} passed, {failed} failed")
    return 1 if failed or not entries else 0


if __name__ == "__main__":
    sys.exit(main())
