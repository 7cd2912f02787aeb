"""Workloads that the mesh knows by hostname only: looked up when somebody connects to one."""

import socket
import time
import unittest

from harness import dns
from harness.traffic import Server, ending, named
from test_dns import FIRST, DnsMesh

V4, V6 = "198.19.9.", "2001:2:0:9::"
DIRECT, TUNNELLED, NOWHERE, SILENT, SHORT = range(1, 6)


class Hostnames(unittest.TestCase):
    """One service for each hostname; the addresses are those of a pod that exists."""

    @classmethod
    def setUpClass(cls):
        cls.mesh = mesh = DnsMesh("hostnames")
        cls.addClassCleanup(mesh.close)
        cls.node = mesh.node
        cls.client = mesh.pod("client")
        cls.outside, cls.server = mesh.pod("outside", enrolled=False), mesh.pod("server")
        for number, host, protocol, account in (
                (DIRECT, "db.example.test", "TCP", "db"), (TUNNELLED, "vm.example.test", "HBONE", "server"),
                (NOWHERE, "missing.example.test", "TCP", "db"),
                (SILENT, "silent.example.test", "TCP", "db"), (SHORT, "short", "TCP", "db")):
            cls.service(number, host, protocol, account)
        cls.upstream = dns.Resolver(mesh.resolvers[0], mesh.fabric.v4(FIRST), cls.zone)
        cls.addClassCleanup(cls.upstream.close)
        mesh.use_resolvers(mesh.fabric.v4(FIRST))
        with open(mesh.resolv_conf, "a", encoding="ascii") as file:
            file.write("search corp.test\n")
        mesh.start()

    @classmethod
    def service(cls, number, host, protocol, account):
        name = f"service-{number}"
        cls.mesh.services.append({
            "name": name, "namespace": "demo", "hostname": f"{name}.demo", "ports": {80: 8080},
            "vips": [f"/{V4}{number}", f"/{V6}{number}"]})
        cls.mesh.padding.append({
            "uid": f"hostname-{number}", "name": f"hostname-{number}", "namespace": "demo",
            "serviceAccount": account, "trustDomain": "cluster.local", "workloadIps": [],
            "hostname": host, "protocol": protocol, "services": {f"demo/{name}.demo": {80: 8080}}})

    @classmethod
    def zone(cls, asked, *_):
        name, kind = dns.asked_for(asked)
        pod = {"db.example.test": cls.outside, "vm.example.test": cls.server,
               "short.corp.test": cls.outside}.get(name)
        if name.startswith("silent"):
            return None
        if pod is None:
            return dns.reply(asked, authority=[dns.soa("test")], rcode=dns.NXDOMAIN)
        if kind == dns.A:
            return dns.reply(asked, [dns.record(dns.A, socket.inet_aton(pod.v4))])
        return dns.reply(asked, [dns.record(dns.AAAA, socket.inet_pton(socket.AF_INET6, pod.v6))])

    def setUp(self):
        self.node.start_watching()

    def tearDown(self):
        self.assertTrue(self.node.daemon.running(), f"died:\n{self.node.daemon.log()[-3000:]}")

    def serve(self, pod, v6=False):
        server = Server(pod.ns, (pod.v6 if v6 else pod.v4, 8080), named(pod.name))
        self.addCleanup(server.close)

    def says(self, address):
        with self.client.ns.connect((address, 80), 10) as s:
            s.settimeout(10)
            return s.makefile("rb").readline().decode().strip()

    def fails(self, address):
        """The seconds after which a connection is reset."""
        begin = time.monotonic()
        with self.client.ns.connect((address, 80), 10) as s:
            self.assertEqual(ending(s, 10), "reset")
        return time.monotonic() - begin

    def test_hostname_is_looked_up_once_and_counted_each_time(self):
        self.serve(self.outside)
        for _ in range(3):
            self.assertEqual(self.says(f"{V4}{DIRECT}"), "outside")
        self.assertLessEqual(self.upstream.times("db.example.test"), 4)  # A and AAAA, of two workers
        self.assertEqual(self.node.metric("istio_on_demand_dns_total", hostname="db.example.test",
                                          source_workload="client"), 3)

    def test_hostname_of_the_family_that_was_asked_for(self):
        self.serve(self.outside, v6=True)
        self.assertEqual(self.says(f"{V6}{DIRECT}"), "outside")

    def test_hostname_behind_a_tunnel(self):
        self.serve(self.server)
        self.assertEqual(self.says(f"{V4}{TUNNELLED}"), "server")
        line = self.node.daemon.wait_line("connection complete", r'direction="outbound"',
                                          rf"dst.hbone_addr={self.server.v4}:8080")
        self.assertIn(f'dst.identity="{self.server.identity}"', line)

    def test_hostname_is_completed_as_resolv_conf_says(self):
        self.serve(self.outside)
        self.assertEqual(self.says(f"{V4}{SHORT}"), "outside")

    def test_hostname_that_does_not_exist(self):
        self.assertLess(self.fails(f"{V4}{NOWHERE}"), 3)
        self.node.daemon.wait_line("connection failed", "no ip addresses were resolved for "
                                   "missing.example.test: there is no such name")

    def test_hostname_that_nobody_answers_ends_in_time(self):
        self.assertLess(self.fails(f"{V4}{SILENT}"), 7)
        self.node.daemon.wait_line("connection failed", "silent.example.test: ")

    def test_withdrawing_ends_a_look_up(self):
        pod = self.client
        with pod.ns.connect((f"{V4}{SILENT}", 80), 10) as s:
            time.sleep(0.3)
            begin = time.monotonic()
            self.assertEqual(self.mesh.withdraw(pod).returncode, 0)
            try:
                self.assertEqual(ending(s, 10), "reset")
                self.assertLess(time.monotonic() - begin, 3)
            finally:
                self.mesh.enroll(pod)
