"""Pods that are carried otherwise than by default: their clients' addresses, what of their traffic
is captured, and which TLS they speak."""

import socket
import subprocess
import time

from harness import certificates, h2, traffic
from harness.netns import Netns, ip
from harness.process import wait_for
from own_mesh import OwnMesh


class NoOriginalSource(OwnMesh):
    ENV = {"ENABLE_ORIG_SRC": "false"}

    def prepare(self):
        self.plain = self.mesh.pod("plain", 0, enrolled=False)

    def seen_by_application(self, source, address, port):
        with traffic.Server(self.server.ns, (address, port), traffic.tell_peer):
            with source.ns.connect((address, port), 10) as s:
                return traffic.receive_all(s).decode().strip()

    def test_without_original_source_the_pod_is_the_client(self):
        for source in (self.client, self.plain):
            for port, address in ((8081, self.server.v4), (8082, self.server.v6)):
                with self.subTest(source=source.name, address=address):
                    self.assertEqual(self.seen_by_application(source, address, port), address)
        # The log still knows who it was.
        for source, pattern in ((self.client, "src.identity"), (self.plain, "src.workload")):
            self.node_b.daemon.wait_line("access", rf"src\.addr={source.v4}:", pattern,
                                         'direction="inbound"')


class Threads(OwnMesh):
    ENV = {"ZTUNNEL_WORKER_THREADS": "3"}

    def test_data_control_admin_and_log_have_threads_of_their_own(self):
        for node in self.mesh.nodes:
            names = node.daemon.threads()
            self.assertEqual(sorted(n for n in names if n.startswith("worker-")),
                             ["worker-0", "worker-1", "worker-2"])
            for name in ("culvert", "admin", "log"):
                self.assertEqual(names.count(name), 1, names)


class Stranger(OwnMesh):
    """A pod that is carried before the mesh knows who it is."""

    def prepare(self):
        self.mesh.pod("stranger", 0, enrolled=False, protocol="HBONE")
        self.stranger = self.mesh.pods.pop("stranger")

    def test_a_pod_that_the_mesh_does_not_know_connects_nowhere(self):
        self.mesh.enroll(self.stranger)
        begin = time.monotonic()
        with self.stranger.ns.connect((self.server.v4, 8080), 10) as s:
            self.assertEqual(traffic.ending(s), "reset")
        self.assertGreater(time.monotonic() - begin, 4, "it may yet become known")
        self.node_a.daemon.wait_line("failed to fetch information about local workload",
                                     "demo/stranger")
        # Becomes known while a connection waits.
        with self.stranger.ns.connect((self.server.v4, 8080), 10) as s:
            s.sendall(b"x")
            self.mesh.pods["stranger"] = self.stranger
            self.mesh.write_config()
            self.assertEqual(s.recv(1), b"x")
        self.node_b.daemon.wait_line("access", f'src.identity="{self.stranger.identity}"')


class Ingress(OwnMesh):
    """A gateway: whatever comes to it is its own business, what it sends is the mesh's."""

    def prepare(self):
        self.gateway = self.mesh.pod("gateway", 0, enrolled=False, protocol="HBONE")
        self.outside = self.mesh.fabric.attach("outside", 5000)
        # Would refuse every connection without an identity, if plaintext were captured.
        self.mesh.policy("strict", "Deny", [[[{"notPrincipals": [{"Presence": []}]}]]],
                         pods=[self.gateway])

    def ask(self, ns, address):
        with ns.connect(address, 10) as s:
            return traffic.receive_all(s).decode().strip()

    def test_ingress_is_left_alone_inbound_and_tunnelled_outbound(self):
        self.mesh.enroll(self.gateway, "--no-inbound")
        fabric = self.mesh.fabric
        for client, address in ((fabric.v4(5000), self.gateway.v4), (fabric.v6(5000), self.gateway.v6)):
            with traffic.Server(self.gateway.ns, (address, 8080), traffic.tell_peer):
                self.assertEqual(self.ask(self.outside, (address, 8080)), client)
        # The mesh still reaches it through its tunnel port, and as the client's own address.
        with traffic.Server(self.gateway.ns, (self.gateway.v4, 8081), traffic.tell_peer):
            self.assertEqual(self.ask(self.client.ns, (self.gateway.v4, 8081)), self.client.v4)
        with traffic.Server(self.server.ns, (self.server.v4, 8081), traffic.tell_peer):
            self.assertEqual(self.ask(self.gateway.ns, (self.server.v4, 8081)), self.gateway.v4)
        self.node_b.daemon.wait_line("access", 'direction="inbound"',
                                     f'src.identity="{self.gateway.identity}"')
        inbound = wait_for(lambda: self.node_a.daemon.lines("access", 'direction="inbound"'),
                           "the gateway's inbound line")
        self.assertEqual(len(inbound), 1, inbound)
        self.assertIn(f'src.identity="{self.client.identity}"', inbound[0])


class VirtualInterface(OwnMesh):
    """A pod that is the way out for a guest behind an interface of its own."""

    def prepare(self):
        self.host = self.mesh.pod("host", 0, enrolled=False, protocol="HBONE")
        self.guest = Netns("guest")
        self.addCleanup(self.guest.remove)
        ip(netns=self.host.ns.name, batch=[
            f"link add vif0 type veth peer name eth0 netns {self.guest.name}", "link set vif0 up",
            "addr add 198.19.255.1/30 dev vif0", "addr add 2001:2:0:ff::1/64 dev vif0 nodad"])
        ip(netns=self.guest.name, batch=[
            "link set eth0 up",
            "addr add 198.19.255.2/30 dev eth0", "addr add 2001:2:0:ff::2/64 dev eth0 nodad",
            "route add default via 198.19.255.1", "route add ::/0 via 2001:2:0:ff::1"])

    def test_guest_of_a_virtual_interface_speaks_as_the_pod(self):
        self.mesh.enroll(self.host, "--virtual-interface", "vif0")
        for port, address in ((8081, self.server.v4), (8082, self.server.v6)):
            with traffic.Server(self.server.ns, (address, port), traffic.echo):
                with self.guest.connect((address, port), 10) as s:
                    s.sendall(b"from the guest")
                    self.assertEqual(traffic.receive_exactly(s, 14), b"from the guest")
            self.node_b.daemon.wait_line("access", 'direction="inbound"', f":{port} ",
                                         f'src.identity="{self.host.identity}"')
        self.node_a.daemon.wait_line("access", 'direction="outbound"', r"src\.addr=198\.19\.255\.2:")


class ByTheSettings(OwnMesh):
    """A peer outside of the mesh's pods looks at what the server's pod answers."""

    def prepare(self):
        self.outside = self.mesh.fabric.attach("outside", 5000)

    def foreigner(self):
        issuer = certificates.of_mesh(self.mesh)
        return issuer.cert, *issuer.issue("peer", "spiffe://cluster.local/ns/demo/sa/peer")

    def answer(self):
        """The header block of the answer to a CONNECT."""
        with h2.Client(self.outside, (self.server.v4, 15008), h2.tls_context(*self.foreigner())) as peer:
            stream = peer.open(f"{self.server.v4}:8080")
            block = peer.until((h2.HEADERS,), stream)[3]
        self.assertEqual(h2.status_of(block), 200)
        return block


class SaysWhoItIs(ByTheSettings):
    def test_answers_describe_the_pod(self):
        self.assertGreater(len(self.answer()), 40)

    def test_gauges_follow_pods_that_come_and_go(self):
        def counted():
            names = ("active_proxy_count", "pending_proxy_count", "proxies_started_total", "proxies_stopped_total")
            return [self.node_b.metric(f"workload_manager_{name}") for name in names]
        self.assertEqual(counted(), [1, 0, 1, 0])
        self.mesh.withdraw(self.server)
        wait_for(lambda: counted() == [0, 0, 1, 1], "the pod to be counted as stopped")
        self.mesh.enroll(self.server)
        wait_for(lambda: counted() == [1, 0, 2, 1], "the pod to be counted as started again")


class SaysNothing(ByTheSettings):
    ENV = {"ENABLE_RESPONSE_BAGGAGE": "false"}

    def test_answers_without_baggage(self):
        self.assertLess(len(self.answer()), 10)


class OldTls(ByTheSettings):
    ENV = {"TLS12_ENABLED": "true"}
    SUITES = [f"ECDHE-{kind}-AES{size}-GCM-SHA{digest}" for kind in ("ECDSA", "RSA")
              for size, digest in ((256, 384), (128, 256))]

    def test_tls12_suites(self):
        root, cert, key = self.foreigner()
        words = ["openssl", "s_client", "-connect", f"{self.server.v4}:15008", "-CAfile", root, "-cert", cert, "-key",
                 key, "-alpn", "h2", "-tls1_2", "-cipher"]
        for suite in [*self.SUITES, "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA256"]:
            with self.subTest(suite=suite):
                run = self.outside.run(*words, suite, stdin=subprocess.DEVNULL, errors="replace", timeout=20)
                # Our certificates are ECDSA: suites for RSA keys find none, whoever asks.
                good = suite in self.SUITES and "ECDSA" in suite
                self.assertEqual(f"Cipher is {suite}" in run.stdout, good, run.stdout[-600:] + run.stderr[-600:])
        self.works()


class OpensslRecords(OwnMesh):
    """One node leaves its records to OpenSSL, the other protects its own: both serve and dial."""

    def prepare(self):
        self.node_b.env = {"CULVERT_RECORDS": "openssl"}

    def both_ways(self):
        return (self.client, self.server), (self.server, self.client)

    def serve(self, pod, port, handler):
        server = traffic.Server(pod.ns, (pod.v4, port), handler)
        self.addCleanup(server.close)

    def test_both_kinds_of_records_carry_the_same(self):
        for source, target in self.both_ways():
            self.serve(target, 8081, traffic.tell_peer)
            with source.ns.connect((target.v4, 8081), 10) as s:
                self.assertEqual(traffic.receive_all(s).decode().strip(), source.v4)
            # Up and, behind the client's end, down again.
            self.serve(target, 8082, traffic.digest)
            with source.ns.connect((target.v4, 8082), 60) as s:
                expected = traffic.send_blocks(s, 48 << 20)
                s.shutdown(socket.SHUT_WR)
                self.assertEqual(traffic.receive_all(s).decode(), expected)
            self.serve(target, 8083, traffic.echo)
            with source.ns.connect((target.v4, 8083), 10) as s:
                for size in (1, 16384, 16385, 100000):
                    s.sendall(bytes(size))
                    self.assertEqual(traffic.receive_exactly(s, size), bytes(size))
        for node in self.mesh.nodes:
            self.assertEqual(node.daemon.lines("tunnel ended"), [])

    def test_both_kinds_of_records_end_the_same(self):
        def answer_and_reset(s, _):
            s.sendall(b"half an ans")
            s.recv(10)
            traffic.reset(s)
        for source, target in self.both_ways():
            self.serve(target, 8084, answer_and_reset)
            with source.ns.connect((target.v4, 8084), 10) as s:
                traffic.receive_exactly(s, 11)
                s.sendall(b"x")
                self.assertEqual(traffic.ending(s), "reset")
        open_here = self.open()
        self.node_b.daemon.kill()
        self.assertEqual(traffic.ending(open_here), "reset")
        self.node_a.daemon.wait_line("access", 'direction="outbound"', "the tunnel was lost")
