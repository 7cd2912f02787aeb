#!/usr/bin/env python3
"""Compiles, syntax only, the files of a build whose path contains a word and whose object is absent.

  tests/support/syntax.py BUILD WORD
"""

import concurrent.futures
import json
import os
import re
import subprocess
import sys


def compile_syntax(entry):
    command = re.sub(r" -o \S+ -c ", " -fsyntax-only ", entry["command"])
    run = subprocess.run(command, shell=True, cwd=entry["directory"], capture_output=True, text=True,
                         check=False)
    return None if run.returncode == 0 else f"{entry['file']}:\n{run.stderr}"


def main():
    build, word = sys.argv[1:]
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    todo = []
    for entry in entries:
        made = re.search(r" -o (\S+) -c ", entry["command"]).group(1)
        if word in entry["file"] and not os.path.exists(os.path.join(entry["directory"], made)):
            todo.append(entry)
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("CULVERT_JOBS") or os.cpu_count())) as pool:
        failures = [x for x in pool.map(compile_syntax, todo) if x]
    for text in failures:
        print(text[:3000])
    print(f"{len(todo) - len(failures)} of {len(todo)} files compile")
    return 1 if failures or not todo else 0


if __name__ == "__main__":
    sys.exit(main())
