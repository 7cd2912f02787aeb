"""What the figures depend on and does not come from the code under test."""

import contextlib
import os
import platform
import re
import subprocess

import tools


def _output(*words):
    try:
        run = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return run.stdout.strip()


def _read(path, pattern=None):
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            text = file.read()
    except OSError:
        return "?"
    if pattern is None:
        return text.strip()
    match = re.search(pattern, text)
    return match.group(1).strip() if match else "?"


def _linked_openssl(binary):
    for line in _output("ldd", binary).splitlines():
        if "libcrypto" in line:
            path = line.split("=>")[1].split()[0]
            with open(path, "rb") as file:
                found = re.search(rb"OpenSSL \d+\.\d+\.\d+[^\0]{0,20}", file.read())
            return found.group().decode() if found else path
    return "not linked"


@contextlib.contextmanager
def allowed(congestion):
    """Lets namespaces choose this congestion control while the block runs, where the machine does
    not anyway."""
    path = "/proc/sys/net/ipv4/tcp_allowed_congestion_control"
    before = _read(path)
    if not congestion or congestion in before.split():
        yield
        return
    def write(names):
        with open(path, "w", encoding="ascii") as file:
            file.write(names)
    write(f"{before} {congestion}")
    try:
        yield
    finally:
        write(before)


def _version(binary):
    return _output(binary, "version").replace("\n", " ")[:400] or "?"


def describe(options):
    culvert = os.path.abspath(os.path.join(options.bin, "culvert"))
    about = {
        "time": _output("date", "--utc", "+%FT%TZ"),
        "commit": _output("git", "-C", os.path.dirname(__file__), "rev-parse", "--short", "HEAD"),
        "system": _read("/etc/os-release", r'PRETTY_NAME="([^"]+)"'),
        "kernel": platform.release(),
        "cpu": _read("/proc/cpuinfo", r"model name\s*: (.*)"),
        "cores": os.cpu_count(),
        "congestion control": options.congestion or _read("/proc/sys/net/ipv4/tcp_congestion_control"),
        "openssl of culvert": _linked_openssl(culvert) if os.path.exists(culvert) else "?",
        "load average at start": _read("/proc/loadavg").split(" ")[0],
        "rounds": options.rounds, "seconds": options.seconds,
        "settings": options.env or "each daemon's defaults",
        "culvert": _version(culvert),
    }
    if options.peer:
        about["peer"] = _version(options.peer)
    if getattr(options, "sidecars", False):  # bench/dns has none
        about["envoy"] = _output(tools.envoy(), "--version").rpartition("version: ")[2]
    return about
