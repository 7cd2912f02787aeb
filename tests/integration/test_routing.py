"""Where a connection goes: services, unknown destinations, refusals."""

from collections import Counter

from harness import traffic
from harness.process import wait_for
from standard import MeshTest


class Services(MeshTest):
    def test_vip_reaches_target_port(self):
        self.serve(self.server, traffic.named("server"))
        for vip in ("198.19.0.2", "2001:2:0:1::2"):
            with self.subTest(vip=vip):
                self.serve(self.server, traffic.tell_peer, port=8081, v6=":" in vip)
                s = self.connect(self.client, (vip, 81))
                self.assertIn(traffic.receive_all(s).decode().strip(),
                              (self.client.v4, self.client.v6))

    def test_vip_weights(self):
        self.serve(self.server, traffic.named("server"))
        self.serve(self.heavy, traffic.named("heavy"))
        seen = Counter()
        for _ in range(240):
            with self.client.ns.connect(("198.19.0.1", 80)) as s:
                s.settimeout(10)
                seen[traffic.receive_exactly(s, 5)] += 1
        # Weights 1 and 3: 180 of 240 expected, standard deviation 6.7; five of them either way.
        self.assertEqual(sum(seen.values()), 240)
        self.assertGreater(seen[b"heavy"], 146, seen)
        self.assertLess(seen[b"heavy"], 214, seen)

    def test_unknown_service_port_is_refused(self):
        self.assertTrue(self.refused(self.client, ("198.19.0.2", 4444)))

    def test_service_without_endpoints_is_refused(self):
        self.mesh.service("empty", 9, {80: 80}, [])
        self.mesh.write_config()

        def put_back():
            self.mesh.services = [x for x in self.mesh.services if x["name"] != "empty"]
            self.mesh.write_config()
        self.addCleanup(put_back)
        wait_for(lambda: any(x["name"] == "empty" for x in self.node_a.config_dump()["services"]),
                 "the service to arrive")
        self.assertTrue(self.refused(self.client, ("198.19.0.9", 80)))

    def test_access_log_names_the_service(self):
        self.serve(self.server, traffic.tell_peer)
        traffic.receive_all(self.connect(self.client, ("198.19.0.2", 80)))
        self.doCleanups()  # the line comes when the connection ends
        wait_for(lambda: self.node_a.access('dst.service="single.demo.svc.cluster.local"',
                                            f"src.addr={self.client.v4}:"), "the access line")


class OutsideTheMesh(MeshTest):
    def test_unknown_destination_passes_through(self):
        for address in (self.mesh.outside_v4, self.mesh.outside_v6):
            with self.subTest(address=address):
                server = traffic.Server(self.mesh.outside, (address, 8080), traffic.tell_peer)
                self.addCleanup(server.close)
                s = self.connect(self.client, (address, 8080))
                self.assertIn(traffic.receive_all(s).decode().strip(),
                              (self.client.v4, self.client.v6))

    def test_known_workload_without_tunnel_is_reached_plainly(self):
        self.serve(self.plain, traffic.tell_peer)
        s = self.connect(self.client, (self.plain.v4, 8080))
        self.assertEqual(traffic.receive_all(s).decode().strip(), self.client.v4)

    def test_plaintext_client_reaches_enrolled_server(self):
        for address, own in ((self.server.v4, self.plain.v4), (self.server.v6, self.plain.v6)):
            with self.subTest(address=address):
                self.serve(self.server, traffic.tell_peer, v6=":" in address)
                s = self.connect(self.plain, (address, 8080))
                self.assertEqual(traffic.receive_all(s).decode().strip(), own)
                s.close()
                line = wait_for(lambda a=own: self.node_b.access(rf"src\.addr=\[?{a}\]?:"),
                                "the access line")[-1]
                self.assertIn('direction="inbound"', line)
                self.assertNotIn("src.identity", line)

    def test_nothing_listens_outside(self):
        self.assertTrue(self.refused(self.client, (self.mesh.outside_v4, 4444)))


class Refusals(MeshTest):
    def test_refused_application_closes_client(self):
        self.assertTrue(self.refused(self.client, (self.server.v4, 4444)))
        line = wait_for(lambda: self.node_a.access(rf"dst\.hbone_addr={self.server.v4}:4444"),
                        "the access line")[-1]
        self.assertIn("error=", line)
        self.assertIn("503", line)

    def test_no_plaintext_fallback(self):
        """A workload that should speak HBONE and does not is never reached in the clear."""
        server = self.serve(self.plain, traffic.tell_peer)
        self.plain.protocol = "HBONE"
        self.mesh.write_config()

        def put_back():
            self.plain.protocol = "TCP"
            self.mesh.write_config()
            self.wait_protocol("TCP")
        self.addCleanup(put_back)
        self.wait_protocol("HBONE")
        self.assertTrue(self.refused(self.client, (self.plain.v4, 8080), 15))
        self.assertEqual(server.accepted, 0)

    def wait_protocol(self, protocol):
        def seen():
            found = [w for w in self.node_a.config_dump()["workloads"] if w["name"] == "plain"]
            return found and found[0]["protocol"] == protocol
        wait_for(seen, f"plain to be {protocol}")

    def test_internal_ports_are_refused(self):
        for port in (15001, 15006, 15008):
            for source in (self.client, self.plain):
                if source is self.plain and port == 15008:
                    continue  # a TLS port for everybody
                with self.subTest(port=port, source=source.name):
                    self.assertTrue(self.refused(source, (self.server.v4, port)))

    def test_own_outbound_port_is_no_loop(self):
        self.assertTrue(self.refused(self.client, (self.client.v4, 15001)))
        self.assertLess(self.node_a.daemon.fds(), 1000)
