"""What the daemon's sockets are set to, as the kernel tells."""

from own_mesh import OwnMesh


class Congestion(OwnMesh):
    def prepare(self):
        with open("/proc/sys/net/ipv4/tcp_available_congestion_control", encoding="ascii") as file:
            if "bbr" not in file.read().split():
                self.skipTest("no bbr: see net.ipv4.tcp_available_congestion_control")
        for pod in (self.client, self.server):
            pod.ns.sysctl(net__ipv4__tcp_congestion_control="bbr")

    def test_only_hops_inside_a_pod_lose_bbr(self):
        self.open()
        for pod, words, expected in ((self.client, ("sport", "=", ":15001"), "reno"),
                                     (self.client, ("dport", "=", ":15008"), "bbr"),
                                     (self.server, ("sport", "=", ":15008"), "bbr"),
                                     (self.server, ("dport", "=", ":8080"), "reno")):
            with self.subTest(pod=pod.name, socket=words):
                found = pod.ns.run("ss", "-HOtinp", "state", "established", *words).stdout
                ours = [x for x in found.splitlines() if f"pid={pod.node.daemon.pid}," in x]
                self.assertEqual(len(ours), 1, found)
                self.assertIn(f" {expected} ", ours[0])
