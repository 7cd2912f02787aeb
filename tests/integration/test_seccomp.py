"""The seccomp profile that the chart offers: the daemon does all its work under it."""

import gzip
import json
import pathlib
import signal
import subprocess
import sys
import threading
import unittest

from harness import dns, runner, traffic
from harness.mesh import Mesh
from harness.seccomp import PROFILE
from test_dns import with_resolv_conf
from test_profiles import ask as profile

RESOLVER = 5001  # its address number
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
        resolver = mesh.fabric.v4(RESOLVER)
        upstream = dns.Resolver(mesh.fabric.attach("resolver", RESOLVER), resolver,
                                lambda asked, *_: dns.reply(asked, [dns.record(dns.A, b"\2\2\2\2")]))
        self.addCleanup(upstream.close)
        resolv_conf = pathlib.Path(mesh.dir) / "resolv.conf"
        resolv_conf.write_text(f"nameserver {resolver}\n", encoding="ascii")
        client, server = mesh.pod("client", 0), mesh.pod("server", 1)
        vip, _ = mesh.service("web", 1, {80: 8080}, [server])
        mesh.prefix = {"daemon": [*with_resolv_conf(resolv_conf), sys.executable, str(CONFINE)]}
        mesh.start()
        self.check_profiles(mesh.nodes[0], lambda: self.check_dns(mesh, client, vip))
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

    def check_dns(self, mesh, client, vip):
        """By UDP and TCP, from the mesh and passed on."""
        anywhere = mesh.fabric.v4(9999)  # captured
        for name, expected in (("web", [vip]), ("elsewhere.test", ["2.2.2.2"])):
            self.assertEqual(dns.ask(client.ns, anywhere, name).addresses(), expected)
            with client.ns.connect((anywhere, 53)) as s:
                self.assertEqual(dns.Answer(dns.over_tcp(s, dns.query(name, dns.A))[0]).addresses(), expected)

    def check_profiles(self, node, meanwhile):
        """Of the CPU while something goes on, and of the heap."""
        taken = []
        thread = threading.Thread(target=lambda: taken.append(profile(node, "profile?seconds=2&frequency=500")))
        thread.start()
        node.daemon.wait_line("a CPU profile begins")
        meanwhile()
        thread.join()
        self.assertEqual(profile(node, "heap/profiling?activate=true")[0], 200)
        meanwhile()
        taken.append(profile(node, "heap"))
        for status, body in taken:
            self.assertEqual(status, 200, body)
            self.assertIn(b"culvert", gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)

    @staticmethod
    def exchange(s, sent):
        """Sends while the echo comes back."""
        sender = threading.Thread(target=lambda: (s.sendall(sent), s.shutdown(1)), daemon=True)
        sender.start()
        received = traffic.receive_all(s)
        sender.join()
        return received
