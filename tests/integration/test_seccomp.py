"""The seccomp profile that the chart offers: the daemon does all its work under it."""

import json
import pathlib
import signal
import subprocess
import sys
import threading
import unittest

from harness import runner, traffic
from harness.mesh import Mesh
from harness.seccomp import PROFILE

CONFINE = pathlib.Path(__file__).resolve().parent / "harness" / "seccomp.py"


class Profile(unittest.TestCase):
    def test_seccomp_profile_is_narrow(self):
        """None of what a process with SYS_ADMIN could take the node over with."""
        profile = json.loads(PROFILE.read_text(encoding="utf-8"))
        self.assertEqual(profile["defaultAction"], "SCMP_ACT_ERRNO")
        allowed = {name for rule in profile["syscalls"] for name in rule["names"]}
        for name in ("mount", "umount2", "pivot_root", "chroot", "unshare", "bpf", "ptrace", "init_module",
                     "finit_module", "kexec_load", "open_by_handle_at", "perf_event_open", "keyctl",
                     "io_uring_setup", "userfaultfd", "process_vm_readv", "fsopen", "move_mount", "reboot"):
            self.assertNotIn(name, allowed)
        (setns,) = [rule for rule in profile["syscalls"] if "setns" in rule["names"]]
        self.assertEqual(setns["args"][0]["value"], 0x40000000, "CLONE_NEWNET")

    def test_seccomp_profile_refuses_what_it_does_not_name(self):
        """Asked of the kernel: other namespaces than the network's, other sockets, and mounts."""
        attempts = """
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def refused(result):
    return result == -1 and ctypes.get_errno() == 1
own = os.open("/proc/self/ns/mnt", os.O_RDONLY)
print("setns", refused(libc.setns(own, 0x20000)), refused(libc.setns(own, 0)))
print("unshare", refused(libc.unshare(0x20000)))
print("mount", refused(libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)))
try:
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    print("packet", False)
except PermissionError:
    print("packet", True)
net = os.open("/proc/self/ns/net", os.O_RDONLY)
print("network", libc.setns(net, 0x40000000) == 0)
"""
        run = subprocess.run([sys.executable, str(CONFINE), sys.executable, "-c", attempts],
                             capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(run.stdout.split("\n")[:-1], [
            "setns True True", "unshare True", "mount True", "packet True", "network True"], run.stderr)

    def test_the_daemon_works_under_the_seccomp_profile(self):
        mesh = Mesh(runner.OPTIONS.bin, runner.OPTIONS.logs, "seccomp")
        self.addCleanup(mesh.close)
        client, server = mesh.pod("client", 0), mesh.pod("server", 1)
        vip, _ = mesh.service("web", 1, {80: 8080}, [server])
        mesh.prefix = {"daemon": [sys.executable, str(CONFINE)]}
        mesh.start()
        with traffic.Server(server.ns, (server.v4, 8080), traffic.echo), \
                traffic.Server(server.ns, (server.v6, 8080), traffic.echo):
            for address in ((vip, 80), (server.v6, 8080)):
                with client.ns.connect(address) as s:
                    sent = b"".join(traffic.blocks(4 << 20))
                    s.settimeout(30)
                    received = self.exchange(s, sent)
                    self.assertEqual(received, sent)
        for node in mesh.nodes:
            status = pathlib.Path(f"/proc/{node.daemon.pid}/status").read_text(encoding="utf-8")
            self.assertIn("Seccomp:\t2", status)
            self.assertGreater(len(node.metrics()), 10)
            node.daemon.popen.send_signal(signal.SIGTERM)
            self.assertEqual(node.daemon.popen.wait(30), 0, node.daemon.log()[-2000:])

    @staticmethod
    def exchange(s, sent):
        """Sends while the echo comes back."""
        sender = threading.Thread(target=lambda: (s.sendall(sent), s.shutdown(1)), daemon=True)
        sender.start()
        received = traffic.receive_all(s)
        sender.join()
        return received
