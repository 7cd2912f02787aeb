"""docs/parity.md has one row for every feature id, and every test it names exists."""

import re

IDS = {"A": 24, "B": 21, "C": 18, "D": 13, "E": 22, "F": 20, "G": 10, "H": 13, "I": 14, "J": 15,
       "K": 3, "L": 13, "M": 10, "N": 14, "X": 12}


def known_tests(tree):
    """Names of GoogleTest cases as Suite.Case, and of Python test functions."""
    names = set()
    for path in (tree.root / "tests").rglob("*.cpp"):
        for suite, case in re.findall(r"\bTEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)", tree.text(path)):
            names.add(f"{suite}.{case}")
    for path in (tree.root / "tests").rglob("*.py"):
        names.update(re.findall(r"^\s*def (test_\w+)", path.read_text(encoding="utf-8"), re.M))
    for path in (tree.root / "tests" / "fuzz").glob("*.cmake"):
        names.update(f"fuzz_{n}" for n in re.findall(r"culvert_fuzz\(\s*(\w+)", path.read_text()))
    return names


def check(tree):
    path = tree.root / "docs" / "parity.md"
    if not path.exists():
        return ["docs/parity.md: missing"]
    rows, problems, tests = {}, [], known_tests(tree)
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if not re.fullmatch(r"[A-Z]\d+", cells[0]):
            continue
        where = f"docs/parity.md:{number}"
        if cells[0] in rows:
            problems.append(f"{where}: {cells[0]} twice")
        rows[cells[0]] = cells
        if len(cells) != 4:
            problems.append(f"{where}: {cells[0]}: four columns: id, feature, state, tests or reason")
            continue
        if cells[2] not in ("yes", "partly", "no"):
            problems.append(f"{where}: {cells[0]}: state is yes, partly or no")
        named = re.findall(r"`([^`]+)`", cells[3])
        if cells[2] != "no" and not named:
            problems.append(f"{where}: {cells[0]}: '{cells[2]}' names no test")
        problems += [f"{where}: {cells[0]}: no such test: {n}" for n in named
                     if re.fullmatch(r"\w+\.\w+|test_\w+|fuzz_\w+", n) and n not in tests]
    for letter, count in IDS.items():
        problems += [f"docs/parity.md: {letter}{n} is missing" for n in range(1, count + 1)
                     if f"{letter}{n}" not in rows]
    return problems
