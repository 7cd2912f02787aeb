"""Coroutine forms that g++ 12 miscompiles (double free or crash, found by experiment).

A full expression with co_await must contain no lambda that owns its captures, no braced temporary
that owns anything, no initializer list and no `co_await (a ? b : c)`. Name the object on the line
above and move it in. A line with `co_await-lint: <reason>` in a comment is exempt.
"""

import re

from tree import blank

OPEN = {"(": ")", "[": "]", "{": "}"}
CLOSE = {v: k for k, v in OPEN.items()}
BLOCK_WORDS = {"else", "do", "try", "const", "noexcept", "override", "mutable", "final"}
CONDITION_WORDS = {"if", "while", "for", "switch", "constexpr"}
# Temporaries that own nothing: views, times, and arrays or tuples of them and of numbers.
_PLAIN = (r"(std::)?(span<[^<>]*>|string_view|chrono::\w+|nullopt|size_t|u?int\d+_t)|int|bool|char|"
          r"(Mutable)?Bytes|\w*(milliseconds|seconds|const_buffer|mutable_buffer)")
HARMLESS = re.compile(rf"({_PLAIN}|std::(array|tuple|pair)<\s*({_PLAIN}|\d+)(\s*,\s*({_PLAIN}|\d+))*\s*>)$")


def word_before(text, i):
    match = re.search(r"([A-Za-z_]\w*)\s*$", text[max(0, i - 80):i])
    return match.group(1) if match else ""


def last_sign(text, i):
    """The last character before i that is not a space."""
    j = i - 1
    while j >= 0 and text[j].isspace():
        j -= 1
    return text[j] if j >= 0 else ""


def opens_block(text, i):
    """Whether the brace at i opens a block rather than an initializer."""
    sign = last_sign(text, i)
    if sign in ("", ")", ";", "{", "}", ":", "]"):
        return True
    if sign == ">":  # a trailing return type, or a template-id that is initialised
        return bool(re.search(r"(->\s*[\w:<>,\s*&]+|\)[\w\s]*->[^;{]*)$", text[max(0, i - 200):i]))
    return word_before(text, i) in BLOCK_WORDS


def statement_start(text, i):
    """The index where the full expression that contains i begins."""
    depth, j = 0, i - 1
    while j >= 0:
        c = text[j]
        if c in CLOSE:
            if depth == 0 and c == "}" and not re.match(r"\}\s*[.,;()\]?:+\-*/<>=]", text[j:j + 40]):
                return j + 1
            depth += 1
        elif c in OPEN:
            if depth > 0:
                depth -= 1
            elif c == "{" and opens_block(text, j):
                return j + 1
            elif c == "(" and word_before(text, j) in CONDITION_WORDS:
                return j + 1
        elif c == ";" and depth == 0:
            return j + 1
        j -= 1
    return 0


def statement_end(text, start):
    depth, j = 0, start
    while j < len(text):
        c = text[j]
        if c in OPEN:
            if c == "{" and depth == 0 and j > start and opens_block(text, j) and last_sign(
                    text, j) == ")" and text[start:j].count("(") == text[start:j].count(")"):
                pass  # a lambda body inside the statement, or the block after a condition
            depth += 1
        elif c in CLOSE:
            if depth == 0:
                return j
            depth -= 1
        elif c == ";" and depth == 0:
            return j
        j += 1
    return len(text)


def matching(text, i):
    depth = 0
    for j in range(i, len(text)):
        if text[j] in OPEN:
            depth += 1
        elif text[j] in CLOSE:
            depth -= 1
            if depth == 0:
                return j
    return len(text) - 1


def lambdas(text):
    """(index, captures, index of the body) of every lambda in the text."""
    for match in re.finditer(r"\[", text):
        i = match.start()
        if re.match(r"[\w)\]]", last_sign(text, i) or " ") and word_before(text, i) not in (
                "return", "co_return", "co_await"):
            continue  # a subscript
        if text[i:i + 2] == "[[" or (i and text[i - 1] == "["):
            continue  # an attribute
        end = matching(text, i)
        rest = text[end + 1:]
        # A structured binding (auto [a, b] = ...) is followed by =, : or {.
        if re.match(r"\s*[=:]", rest) or word_before(text, i) == "auto":
            continue
        body = text.find("{", end)
        yield i, text[i + 1:end], body


def without_lambda_bodies(text):
    for _, _, body in list(lambdas(text)):
        if body >= 0:
            end = matching(text, body)
            text = text[:body] + " " * (end - body + 1) + text[end + 1:]
    return text


def owning_captures(captures):
    for part in re.split(r",(?![^(<{]*[)>}])", captures):
        part = part.strip()
        if part and part != "this" and not part.startswith("&"):
            yield part


def braced_temporaries(text):
    for match in re.finditer(r"\{", text):
        i = match.start()
        inside = text[i + 1:matching(text, i)]
        if not inside.strip() or opens_block(text, i):
            continue
        sign = last_sign(text, i)
        if sign in "(,":
            yield "an initializer list"
            continue
        named = re.search(r"([\w:]+(<[^;{}]*>)?)\s*$", text[:i])
        if not named or HARMLESS.match(named.group(1)):
            continue
        before = text[:named.start()].rstrip()
        if re.search(r"(\w|>|&|\*)$", before) and not re.search(r"\b(return|co_return|co_await)$", before):
            continue  # a declaration: the object has a name
        yield f"a braced temporary {named.group(1).strip()}{{...}}"


def problems_of(statement):
    for match in re.finditer(r"\bco_await\s*\(", statement):
        end = matching(statement, match.end() - 1)
        if "?" in statement[match.end():end]:
            yield "co_await of a conditional expression"
    for _, captures, _ in lambdas(statement):
        for capture in owning_captures(captures):
            yield f"a lambda that owns its capture '{capture}'"
    yield from braced_temporaries(without_lambda_bodies(statement))


def check_text(text):
    """(line, problem) of every trap in a source text."""
    code, lines, seen = blank(text), text.split("\n"), set()
    for match in re.finditer(r"\bco_await\b", code):
        start = statement_start(code, match.start())
        end = statement_end(code, start)
        if (start, end) in seen:
            continue
        seen.add((start, end))
        first = code.count("\n", 0, match.start()) + 1
        last = code.count("\n", 0, end) + 1
        if any("co_await-lint:" in line for line in lines[max(0, first - 2):last]):
            continue
        for problem in problems_of(code[start:end]):
            yield first, f"{problem} in a statement with co_await"


def check(tree):
    found = []
    for path in tree.code:
        text = tree.text(path)
        if "co_await" in text:
            found += [f"{tree.name(path)}:{line}: {what}" for line, what in check_text(text)]
    return found + self_test()


TRAPS = [
    "void f() { co_await g(T{name, 1}); }",
    "void f() { co_await g([owner](int) { return 1; }); }",
    "void f() { co_await g([x = std::move(y)] { use(x); }, 1); }",
    "void f() { co_await (c ? a() : b()); }",
    "void f() { auto r = co_await g({a, b}); }",
    "void f() { if (auto r = co_await g(Request{.name = n}); r) { h(); } }",
    "void f() { co_await g(std::pair<std::string, int>{name, 1}); }",
    "void f() { co_await g(std::array<std::string, 2>{a, b}); }",
]
FINE = [
    "void f() { T t{name, 1}; co_await g(std::move(t)); }",
    "void f() { co_await g([&](int) { return T{1, 2}; }); }",
    "void f() { auto [ec, n] = co_await s.async_read(buffer(a), as_result); }",
    "void f() { co_spawn(ex, [owner]() -> Async<void> { co_await g(); }, detached); }",
    "net::Async<void> f(T t) { co_await g(std::array<const_buffer, 2>{a, b}); }",
    "net::Async<void> f(T t) { co_await g(std::pair<int, std::string_view>{1, b}); }",
    "net::Async<Result<int>> f() { const auto x = co_await g(v[i], this); co_return x; }",
    "void f() { const Result<int> r{co_await g()}; }",
    "void f() { while (co_await g()) { T{1, 2}.run(); } }",
]


def self_test():
    """The check itself, on forms known to be broken and known to be fine."""
    problems = [f"tests/lint/coroutines.py: not seen: {t}" for t in TRAPS if not list(check_text(t))]
    for text in FINE:
        problems += [f"tests/lint/coroutines.py: {text}: {what}" for _, what in check_text(text)]
    return problems
