"""The files of the project as the checks see them."""

import functools
import re

SOURCE_FOLDERS = ("include", "src", "tests", "bench")
CODE = {".cpp", ".hpp", ".cc", ".h"}

# Comments, string and character literals; raw strings first, since they may hold anything.
_TOKENS = re.compile(
    r'R"(?P<d>[^()\\\s]{0,16})\((?:.|\n)*?\)(?P=d)"'
    r'|//[^\n]*|/\*(?:.|\n)*?\*/|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'"
)


def blank(text):
    """The same text, same length and lines, with comments and literals made of spaces."""
    def spaces(match):
        return re.sub(r"[^\n]", " ", match.group())
    return _TOKENS.sub(spaces, text)


class Tree:
    def __init__(self, root):
        self.root = root

    def name(self, path):
        return str(path.relative_to(self.root))

    @functools.cached_property
    def code(self):
        """Every C++ file, sorted."""
        found = []
        for folder in SOURCE_FOLDERS:
            found += [p for p in (self.root / folder).rglob("*") if p.suffix in CODE]
        return sorted(found)

    @functools.lru_cache(maxsize=None)
    def text(self, path):
        return path.read_text(encoding="utf-8", errors="replace")

    def module_of(self, path):
        """The module a file belongs to by its folder, or None for tests and benchmarks."""
        parts = path.relative_to(self.root).parts
        if parts[0] == "include" and len(parts) > 3:
            return parts[2]
        if parts[0] == "src" and len(parts) > 2:
            return parts[1]
        return None

    def includes(self, path):
        """(line number, text between the brackets or quotes) of every #include."""
        for number, line in enumerate(self.text(path).split("\n"), 1):
            match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
            if match:
                yield number, match.group(1)
