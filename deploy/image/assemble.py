#!/usr/bin/env python3
"""Lays out the image's root file system from the Debian system that it runs on.

Both ways to an image run this: deploy/image/build and the Dockerfile. What goes in is the two
programs, the libraries that they ask for, certificates of public authorities, the licences of every
package of which something is inside, and the few files that a libc reads. No shell, no package manager.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zlib

import debian
import spdx

SOURCE = pathlib.Path(__file__).resolve().parents[2]
LIST = "usr/share/doc/culvert/culvert.spdx.json"
CERTIFICATES = "/usr/share/ca-certificates/mozilla"
TEXTS = {
    "etc/passwd": "root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
LINKS = {  # as in Debian, relative
    "lib": "usr/lib", "lib64": "usr/lib64", "var/run": "../run", "etc/os-release": "../usr/lib/os-release",
    "usr/local/bin/ztunnel": "culvert",
    # where OpenSSL looks for the system's authorities
    "usr/lib/ssl/cert.pem": "../../../etc/ssl/certs/ca-certificates.crt",
    "usr/lib/ssl/certs": "../../../etc/ssl/certs",
}
EMULATORS = {"arm64": "aarch64", "amd64": "x86_64"}
EMPTY = ("proc", "sys", "dev", "run", "tmp")


class Root:
    """The root file system being laid out; knows which package each file is from."""

    def __init__(self, folder):
        self.folder, self.files = pathlib.Path(folder), {}  # {path in the image: package}

    def place(self, name, package):
        self.files[name] = package
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def text(self, name, content, package="culvert"):
        self.place(name, package).write_text(content, encoding="utf-8")

    def copy(self, source, package, name=None):
        shutil.copyfile(source, self.place(name or str(source).lstrip("/"), package))

    def link(self, name, target):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    def settle(self):
        """Modes that depend on nobody's umask."""
        for path in [self.folder, *self.folder.rglob("*")]:
            if path.is_symlink():
                continue
            relative = str(path.relative_to(self.folder))
            program = relative.startswith("usr/local/bin/") or "/ld-linux" in relative
            path.chmod(0o755 if path.is_dir() or program else 0o644)
        (self.folder / "tmp").chmod(0o1777)


def add_programs(root, folder, strip):
    for name in ("culvert", "culvertctl"):
        program = root.place(f"usr/local/bin/{name}", "culvert")
        subprocess.run([strip, "--strip-debug", "-o", program, folder / name], check=True)  # profiles name functions


def add_libraries(root, folder):
    """The loader and what the programs ask for; the name asked for becomes a link to the file."""
    needed = {}
    for name in ("culvert", "culvertctl"):
        needed.update(debian.libraries(folder / name))
    loader = pathlib.Path(debian.Elf(folder / "culvert").interpreter)
    file = needed.get(loader.name) or loader.resolve()
    real = {str(path) for path in [*needed.values(), file]}
    for path, package in debian.owners(real).items():
        root.copy(path, package)
    for name, path in needed.items():
        if path.name != name:
            root.link(str(path.parent / name).lstrip("/"), path.name)
    at = "usr" + str(loader)  # /lib and /lib64 are links to those below /usr
    if not (root.folder / at).exists():
        root.link(at, os.path.relpath(file, "/" + os.path.dirname(at)))


def add_certificates(root):
    """The authorities of the package itself, not what somebody has added to this system."""
    paths = sorted(pathlib.Path(CERTIFICATES).glob("*.crt"))
    if not paths:
        raise RuntimeError(f"no certificates in {CERTIFICATES}: install ca-certificates")
    owner = set(debian.owners(paths).values())
    if owner != {"ca-certificates"}:
        raise RuntimeError(f"certificates in {CERTIFICATES} are of {owner}, not of ca-certificates alone")
    root.text("etc/ssl/certs/ca-certificates.crt",
              "".join(p.read_text(encoding="ascii").rstrip("\n") + "\n" for p in paths), "ca-certificates")


def compiled_in(inside, architecture):
    """The packages of the build whose headers became code of the programs: those that bring no library
    which is inside."""
    names = debian.run(str(SOURCE / "deploy/packages"), "--print", "build").split()
    found = []
    for name in names:
        package = debian.describe(name, architecture) if name.endswith("-dev") else None
        if package and not package["depends"] & inside:
            found.append(package)
    return found


def add_licences(root, packages):
    common = set()
    for name in sorted(packages):
        text = pathlib.Path(f"/usr/share/doc/{name}/copyright").resolve().read_text(encoding="utf-8", errors="replace")
        root.text(f"usr/share/doc/{name}/copyright", text, name)
        common |= set(re.findall(r"/usr/share/common-licenses/([A-Za-z0-9.+-]*[A-Za-z0-9])", text))
    for name in sorted(common):  # the texts that those only name
        path = pathlib.Path("/usr/share/common-licenses") / name
        if path.exists():
            root.copy(path.resolve(), "base-files", f"usr/share/common-licenses/{name}")
    root.copy(SOURCE / "LICENSE", "culvert", "usr/share/doc/culvert/copyright")


def check(root, architecture):
    """The programs start inside, with nothing but what is inside."""
    folder, before = str(root.folder), ["/usr/sbin/chroot", str(root.folder)]
    if debian.native() != architecture:
        before = [f"/usr/bin/qemu-{EMULATORS[architecture]}", "-L", folder]
    for name, word in (("culvert", "version"), ("ztunnel", "version"), ("culvertctl", "version")):
        program = f"/usr/local/bin/{name}"
        subprocess.run([*before, program if "chroot" in before[0] else folder + program, word], check=True,
                       stdout=subprocess.DEVNULL, env={})


def print_table(root):
    """What the image is made of, package by package: bytes, and bytes when compressed on their own."""
    sizes = {}
    for name, package in root.files.items():
        data = (root.folder / name).read_bytes()
        size, packed = sizes.get(package, (0, 0))
        sizes[package] = size + len(data), packed + len(zlib.compress(data, 9))
    print(f"{'package':32} {'KB':>8} {'packed':>8}")
    for package, (size, packed) in sorted(sizes.items(), key=lambda x: (-x[1][1], x[0])):
        print(f"{package:32} {size / 1000:8.0f} {packed / 1000:8.0f}")
    total = [sum(x) for x in zip(*sizes.values())]
    print(f"{'all':32} {total[0] / 1000:8.0f} {total[1] / 1000:8.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder of culvert and culvertctl")
    parser.add_argument("--out", required=True, help="the root file system to make; must not exist")
    parser.add_argument("--version", required=True)
    parser.add_argument("--revision", required=True, help="the commit")
    parser.add_argument("--created", type=int, required=True, help="its time, seconds since 1970")
    parser.add_argument("--strip", default="strip")
    options = parser.parse_args()
    os.makedirs(options.out)
    root = Root(options.out)
    architecture = debian.Elf(options.programs / "culvert").architecture
    add_programs(root, options.programs, options.strip)
    add_libraries(root, options.programs)
    add_certificates(root)
    for name, content in TEXTS.items():
        root.text(name, content)
    root.copy("/usr/lib/os-release", "base-files")
    for name, target in LINKS.items():
        root.link(name, target)
    for name in EMPTY:
        (root.folder / name).mkdir()
    inside = set(root.files.values()) - {"culvert"}
    headers = compiled_in(inside, architecture)
    add_licences(root, inside | {p["name"] for p in headers})
    # Of base-files there is one in a system, which is not of a foreign architecture; its texts are for all.
    packages = [debian.describe(n, architecture) or debian.describe(n, debian.native()) for n in sorted(inside)]
    release = dict(x.split("=", 1) for x in pathlib.Path("/usr/lib/os-release").read_text(encoding="utf-8").split("\n") if "=" in x)
    root.text(LIST, spdx.document(
        (options.version, options.revision), packages, headers,
        f"{release['ID']}-{release['VERSION_ID']}".replace('"', ""), options.created))
    root.settle()
    check(root, architecture)
    print_table(root)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(f"deploy/image/assemble.py: {error}")
