"""clang-format leaves every C++ file as it is."""

import os
import shutil
import subprocess


def check(tree):
    tool = shutil.which("clang-format-19")
    if not tool:
        if os.environ.get("CI") == "true":
            return ["tests/lint/formatting.py: clang-format-19 is not installed"]
        print("  clang-format-19 is not installed: formatting is not checked")
        return []
    run = subprocess.run([tool, "--dry-run", "-Werror", *map(str, tree.code)], capture_output=True,
                         text=True, check=False)
    files = {line.split(":")[0] for line in run.stderr.split("\n") if "error:" in line}
    if run.returncode != 0 and not files:
        return [f"tests/lint/formatting.py: clang-format-19 failed: {run.stderr.strip()[:300]}"]
    return [f"{f.replace(str(tree.root) + '/', '')}: run clang-format-19 -i" for f in sorted(files)]
