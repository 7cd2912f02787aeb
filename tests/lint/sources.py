"""File length, and words that do not belong into the project."""

import re

LIMIT = 500
# Longer files need a reason here.
LONG = {}

FORBIDDEN = [
    (re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))"), "needs an issue: TODO(#12)"),
    (re.compile(r"(?<![\w.])/(work|root|home)/\w"), "a path of one machine"),
    (re.compile(r"\bstd::endl\b"), "flushes: write \\n"),
    (re.compile(r"catch\s*\(\s*\.\.\.\s*\)\s*\{\s*\}"), "a swallowed exception"),
    (re.compile(r"#\s*define\s+(private|protected)\b"), "breaks encapsulation"),
]
TEXT = {".cpp", ".hpp", ".py", ".sh", ".md", ".txt", ".cmake", ".yaml", ".yml", ".proto", ""}
SKIP = {".git", "corpus", "build"}


def text_files(tree):
    for path in sorted(tree.root.rglob("*")):
        parts = path.relative_to(tree.root).parts
        if any(p in SKIP or p.startswith("build") for p in parts) or not path.is_file():
            continue
        if parts[:2] == ("tests", "lint") or path.suffix not in TEXT or path.stat().st_size > 1 << 20:
            continue
        yield path


def check(tree):
    problems = []
    for path in tree.code:
        lines = tree.text(path).count("\n")
        if lines > LIMIT and tree.name(path) not in LONG:
            problems.append(f"{tree.name(path)}: {lines} lines, the limit is {LIMIT}")
    for path in text_files(tree):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.split("\n"), 1):
            for pattern, why in FORBIDDEN:
                if pattern.search(line):
                    problems.append(f"{tree.name(path)}:{number}: {why}: {line.strip()[:80]}")
    return problems
