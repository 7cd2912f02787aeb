"""Network namespaces on one bridge, made and removed by name.

Every name starts with cvt<pid>- of the program that made it, so that leftovers of a program that
died can be told from the namespaces of one that still runs.
"""

import contextlib
import ctypes
import os
import re
import socket
import subprocess
import threading

PREFIX = "cvt"
V4_NET, V6_NET = "198.18", "2001:2::"  # benchmarking ranges, never routed anywhere
_libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def ip(*words, batch=None, netns=None):
    """Runs the `ip` tool, optionally with a batch of commands; raises with its words."""
    command = ["ip", *(["-n", netns] if netns else []), *words]
    if batch is not None:
        command += ["-batch", "-"]
        batch = "\n".join(batch) + "\n"
    run = subprocess.run(command, input=batch, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {run.stderr.strip()}")
    return run.stdout


def remove_leftovers():
    """Removes namespaces whose maker is dead, with every process still inside."""
    for line in ip("netns", "list").splitlines():
        name = line.split()[0]
        match = re.match(rf"{PREFIX}(\d+)-", name)
        if match and not os.path.exists(f"/proc/{match.group(1)}"):
            remove(name)


def remove(name):
    pids = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False)
    for pid in pids.stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), 9)
    subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


class Netns:
    """One namespace. Sockets made in `with ns.inside():` belong to it for their whole life."""

    def __init__(self, label):
        self.name = f"{PREFIX}{os.getpid()}-{label}"
        self.path = f"/run/netns/{self.name}"
        ip("netns", "add", self.name)
        ip("link", "set", "lo", "up", netns=self.name)

    @contextlib.contextmanager
    def inside(self):
        """This thread is in the namespace while the block runs: only make sockets here."""
        home = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
        there = os.open(self.path, os.O_RDONLY)
        try:
            _setns(there)
            try:
                yield
            finally:
                _setns(home)
        finally:
            os.close(there)
            os.close(home)

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM, protocol=0):
        with self.inside():
            return socket.socket(family, kind, protocol)

    def connect(self, address, timeout=10, source=None):
        """A connected TCP socket of this namespace."""
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        s = self.socket(family)
        s.settimeout(timeout)
        try:
            if source:
                s.bind(source)
            s.connect(address)
        except BaseException:
            s.close()
            raise
        return s

    def listen(self, address, backlog=4096):
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        s = self.socket(family)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.bind(address)
        s.listen(backlog)
        return s

    def command(self, *words):
        """The words, run inside this namespace."""
        return ["nsenter", f"--net={self.path}", *map(str, words)]

    def run(self, *words, **options):
        options.setdefault("capture_output", True)
        options.setdefault("text", True)
        return subprocess.run(self.command(*words), check=False, **options)

    def sysctl(self, **values):
        with self.inside():
            for name, value in values.items():
                with open("/proc/sys/" + name.replace("__", "/"), "w", encoding="ascii") as file:
                    file.write(str(value))

    def remove(self):
        remove(self.name)


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Fabric:
    """A namespace with a bridge, and the namespaces plugged into it."""

    def __init__(self, label="mesh"):
        self.members, self.label = [], label
        self.hub = Netns(f"{label}-fabric")
        self.hub.sysctl(net__ipv6__conf__all__forwarding=1, net__ipv4__ip_forward=1,
                        net__ipv6__conf__default__accept_dad=0)
        ip(netns=self.hub.name, batch=[
            "link add br0 type bridge", "link set br0 up",
            f"addr add {self.v4(1)}/15 dev br0", f"addr add {self.v6(1)}/48 dev br0 nodad"])

    @staticmethod
    def v4(number):
        return f"{V4_NET}.{number >> 8}.{number & 255}"

    @staticmethod
    def v6(number):
        return f"{V6_NET}{number:x}"

    def attach(self, label, number):
        """A new namespace with the addresses of `number` (2 to 65,000) and a default route."""
        ns = Netns(f"{self.label}-{label}")
        self.members.append(ns)
        port = f"p{number}"
        ip(netns=self.hub.name, batch=[
            f"link add {port} type veth peer name eth0 netns {ns.name}",
            f"link set {port} master br0 up"])
        ns.sysctl(net__ipv6__conf__eth0__accept_dad=0)
        ip(netns=ns.name, batch=[
            "link set eth0 up",
            f"addr add {self.v4(number)}/15 dev eth0",
            f"addr add {self.v6(number)}/48 dev eth0 nodad",
            f"route add default via {self.v4(1)}", f"route add ::/0 via {self.v6(1)}"])
        return ns

    def remove(self):
        for ns in [*self.members, self.hub]:
            ns.remove()
