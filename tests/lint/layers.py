"""Modules only include modules below them, libraries are used where they belong, and the daemon
links nothing that only culvertctl needs."""

import re

DATA_PATH = {"base", "metrics", "net", "state", "tls", "h2", "hbone", "dns"}
MAY_USE = {
    "base": set(),
    "profile": {"base"},
    "metrics": {"base"},
    "state": {"base"},
    "net": {"base"},
    "h2": {"base"},
    "tls": {"base", "metrics", "net"},
    "hbone": DATA_PATH - {"hbone", "dns"},
    "dns": {"base", "state"},
    "control": {"base", "metrics", "net", "state", "tls"},
    "proxy": DATA_PATH,
    "admin": {"base", "metrics", "net", "state", "tls", "proxy"},
    "app": DATA_PATH | {"control", "proxy", "admin", "profile"},
    "host": {"base", "metrics", "net", "state", "dns", "control"},
    "authority": {"base", "metrics", "net", "state", "tls", "control"},
    "cli": DATA_PATH | {"control", "admin", "host", "authority"},
}
ONLY_CULVERTCTL = {"host", "authority", "cli"}

# A library's headers, and the modules that may include them.
ONLY_IN = {
    r"spdlog/": {"base"},
    r"nghttp2/": {"h2"},
    r"ldns/": {"dns"},
    r"openssl/crypto.h": {"tls", "authority", "app"},  # app: the version line names the library
    r"openssl/(?!crypto.h)": {"tls", "authority"},
    r"intel-ipsec-mb|ipsec-mb": {"tls"},
    r"grpc(pp)?/": {"control", "authority"},
    r"google/protobuf/": {"control", "authority", "host", "profile"},
    r"nftables/": {"host"},
    r"boost/asio": {"net", "tls", "hbone", "control", "proxy", "admin", "app", "host", "authority",
                    "cli"},
}


def module_named(tree, include):
    """The module that an #include of ours names, or None: <net/if.h> is the system's."""
    parts = include.split("/")
    if parts[0] == "culvert" and len(parts) > 2:
        return parts[1]
    ours = len(parts) > 1 and parts[0] in MAY_USE and (tree.root / "src" / include).exists()
    return parts[0] if ours else None


def check_includes(tree):
    problems = []
    for path in tree.code:
        module = tree.module_of(path)
        if module is None:
            continue
        where = tree.name(path)
        if module not in MAY_USE:
            problems.append(f"{where}: module '{module}' has no row in the layer table")
            continue
        for line, include in tree.includes(path):
            if ".." in include.split("/"):
                problems.append(f"{where}:{line}: <{include}> climbs out of its folder")
            used = module_named(tree, include)
            if used and used != module and used not in MAY_USE[module]:
                problems.append(f"{where}:{line}: {module} may not use {used}")
            if used and used != module and not include.startswith("culvert/"):
                problems.append(f"{where}:{line}: private header of {used}")
            for pattern, allowed in ONLY_IN.items():
                if re.match(pattern, include) and module not in allowed:
                    problems.append(f"{where}:{line}: <{include}> belongs to {sorted(allowed)}")
    return problems


def check_declared(tree):
    """USES of a CMake target names no module that its own may not use: a link is an edge, too."""
    problems = []
    for path in sorted((tree.root / "src").rglob("CMakeLists.txt")):
        module = tree.module_of(path)
        text = re.sub(r"#[^\n]*", "", path.read_text(encoding="utf-8"))
        for body in re.findall(r"culvert_module\s*\(([^)]*)\)", text):
            uses = re.search(r"\bUSES\b([^A-Z]*)", body)
            for target in uses.group(1).split() if uses else []:
                used = target.split("_")[0]  # control_xds belongs to control
                if used in MAY_USE and used != module and used not in MAY_USE.get(module, ()):
                    problems.append(f"{tree.name(path)}: {module} may not link {target}")
    return problems


def check_page(tree):
    """The table in docs/architecture.md says the same as the one here."""
    page = (tree.root / "docs" / "architecture.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\w+)[^|]*\|[^|]*\| ([^|]+) \|$", page, re.M))
    problems = []
    for module in sorted(set(MAY_USE) - ONLY_CULVERTCTL - {"app"}):
        words = told.get(module)
        if words is None:
            problems.append(f"docs/architecture.md: no row for {module}")
        elif {w for w in re.split(r",\s*", words) if w != "–"} != MAY_USE[module]:
            problems.append(f"docs/architecture.md: {module} may use {sorted(MAY_USE[module])}, not {words}")
    return problems


def link_graph(tree):
    """What each CMake target of ours links, by the text of src/**/CMakeLists.txt."""
    graph = {}
    for path in sorted((tree.root / "src").rglob("CMakeLists.txt")):
        text = re.sub(r"#[^\n]*", "", path.read_text(encoding="utf-8"))
        for call, body in re.findall(r"(culvert_module|target_link_libraries)\s*\(([^)]*)\)", text):
            words = body.split()
            if call == "target_link_libraries":
                graph.setdefault(words[0], set()).update(w for w in words[1:] if "culvert_" in w)
                continue
            uses, taking = graph.setdefault(f"culvert_{words[0]}", set()), False
            for word in words[1:]:
                if word in ("USES", "LIBS", "SOURCES"):
                    taking = word
                elif taking == "USES":
                    uses.add(f"culvert_{word}")
                elif taking == "LIBS" and word.startswith("culvert_"):
                    uses.add(word)
    return graph


def reachable(graph, start):
    seen, todo = set(), [start]
    while todo:
        for used in graph.get(todo.pop(), ()):
            if used not in seen:
                seen.add(used)
                todo.append(used)
    return seen


def check_links(tree):
    graph = link_graph(tree)
    problems = []
    if "culvert" in graph:
        for module in ONLY_CULVERTCTL:
            bad = [t for t in reachable(graph, "culvert")
                   if re.fullmatch(rf"culvert_{module}(_.*)?", t)]
            problems += [f"src: the daemon links {target}" for target in bad]
    return problems


def check(tree):
    return check_includes(tree) + check_declared(tree) + check_page(tree) + check_links(tree)
