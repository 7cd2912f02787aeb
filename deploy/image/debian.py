"""What dpkg knows of this system, and what an ELF file asks of it."""

import pathlib
import re
import subprocess


def run(*words, check=True):
    """The standard output of a command, in the C locale."""
    done = subprocess.run(words, capture_output=True, text=True, check=False,
                          env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"})
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(words[:3])} …: {done.stderr.strip()}")
    return done.stdout


def native():
    """This system's own architecture."""
    return run("dpkg", "--print-architecture").strip()


class Elf:
    """The interpreter, the needed libraries and the architecture of a dynamic program or library."""

    ARCHITECTURES = {"X86-64": ("amd64", "x86_64-linux-gnu"), "AArch64": ("arm64", "aarch64-linux-gnu")}

    def __init__(self, path):
        text = run("readelf", "--wide", "--file-header", "--program-headers", "--dynamic", str(path))
        self.needed = re.findall(r"\(NEEDED\).*\[(.+)\]", text)
        self.interpreter = next(iter(re.findall(r"program interpreter: (.+)\]", text)), None)
        machine = re.search(r"Machine:\s+(.+)", text).group(1)
        for word, (architecture, triplet) in self.ARCHITECTURES.items():
            if word in machine:
                self.architecture, self.triplet = architecture, triplet
                return
        raise RuntimeError(f"{path}: made for {machine}; known are {', '.join(self.ARCHITECTURES)}")


def libraries(program):
    """Every library that the loader will open for the program: {name that is asked for: path}. Looks
    where Debian's loader looks without a cache, so it works for another architecture as well."""
    first = Elf(program)
    folders = [pathlib.Path(f"{top}/lib/{first.triplet}") for top in ("/usr", "")]
    found, waiting = {}, list(first.needed)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        path = next((f / name for f in folders if (f / name).exists()), None)
        if path is None:
            raise RuntimeError(f"{program} needs {name}, which is not in {folders[0]}: install its package")
        found[name] = path.resolve()
        waiting += Elf(path).needed
    return dict(sorted(found.items()))


def owners(paths):
    """The package of each path: {path: name of the package, without architecture}."""
    asked = {}
    for path in map(str, paths):  # dpkg may know a file by its name from before /usr was merged
        asked[path] = path
        if path.startswith("/usr/"):
            asked[path.removeprefix("/usr")] = path
    owner = {}
    for line in run("dpkg-query", "--search", *sorted(asked), check=False).splitlines():
        packages, _, path = line.rpartition(": ")
        if path in asked and not packages.startswith("diversion "):
            owner[asked[path]] = packages.split(",")[0].split(":")[0]
    missing = set(map(str, paths)) - set(owner)
    if missing:
        raise RuntimeError(f"of no Debian package: {', '.join(sorted(missing))}")
    return owner


def describe(package, architecture):
    """Version, source and dependencies of an installed package; None when it is not installed."""
    form = "${db:Status-Status}|${Architecture}|${Version}|${source:Package}|${source:Version}|${Depends}\n"
    for line in run("dpkg-query", "--show", f"--showformat={form}", package, check=False).splitlines():
        status, its, version, source, source_version, depends = line.split("|", 5)
        if status == "installed" and its in (architecture, "all"):
            return {"name": package, "architecture": its, "version": version, "source": source,
                    "source_version": source_version,
                    "depends": set(re.findall(r"[a-z0-9][a-z0-9.+-]+(?=[:\s,(|]|$)", depends))}
    return None
