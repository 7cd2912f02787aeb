"""Every header compiles alone. One that is the first #include of some source file is proven by the
build; the rest are compiled here, syntax only."""

import concurrent.futures
import os
import shutil
import subprocess

FLAGS = ["-std=c++20", "-fsyntax-only", "-x", "c++", "-Wall", "-Wextra", "-Wno-pragma-once-outside-header"]


def proven_by_build(tree):
    """Headers that some source includes before anything else."""
    proven = set()
    for path in tree.code:
        if path.suffix != ".cpp":
            continue
        first = next(tree.includes(path), None)
        if first is None:
            continue
        for base in ("include", "src", "tests"):
            header = tree.root / base / first[1]
            if header.exists():
                proven.add(header)
        if (path.parent / first[1]).exists():
            proven.add(path.parent / first[1])
    return proven


def generated_folders(tree):
    """Folders of generated protobuf headers of the builds that exist."""
    roots = [tree.root / "build"]
    if os.environ.get("CULVERT_LINT_BUILD"):
        roots.append(tree.root / os.environ["CULVERT_LINT_BUILD"])
    found = set()
    for root in roots:
        if root.is_dir():
            # A build's own only: build/image also has the root of a whole system, with the system's.
            for header in [*root.glob("proto/generated/**/*.pb.h"), *root.glob("*/proto/generated/**/*.pb.h")]:
                found |= {header.parent, header.parent.parent, header.parent.parent.parent}
    return [f"-I{folder}" for folder in sorted(found)]


def compile_alone(command, header):
    run = subprocess.run(command + [str(header)], capture_output=True, text=True, check=False)
    if run.returncode == 0:
        return None
    return next((x for x in run.stderr.split("\n") if "error" in x), run.stderr.strip()[:300])


def check(tree):
    compiler = os.environ.get("CXX") or shutil.which("g++")
    if not compiler:
        return ["no C++ compiler for the header check"]
    generated = generated_folders(tree)
    proven = proven_by_build(tree)
    headers = []
    for path in tree.code:
        if path.suffix != ".hpp" or path in proven:
            continue
        needs_generated = any(inc.endswith(".pb.h") for _, inc in tree.includes(path))
        if needs_generated and not generated:
            continue  # nothing is built yet; the build itself compiles it
        headers.append(path)
    command = [compiler, *FLAGS, *(f"-I{tree.root / d}" for d in ("include", "src", "tests")),
               *generated]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda header: compile_alone(command, header), headers))
    return [f"{tree.name(h)}: does not compile alone: {r}" for h, r in zip(headers, results) if r]
