"""The way of a connection: client pod, tunnel, server pod; who is seen at its ends, and what in
between."""

import re
import time

from harness import traffic
from harness.capture import Capture
from harness.process import wait_for
from standard import MeshTest


class AcrossNodes(MeshTest):
    def test_v4_client_address_and_identities(self):
        self.serve(self.server, traffic.tell_peer)
        s = self.connect(self.client, (self.server.v4, 8080))
        self.assertEqual(traffic.receive_all(s).decode().strip(), self.client.v4)
        self.check_access_lines(self.client.v4, self.server.v4)

    def test_v6_client_address_and_identities(self):
        self.serve(self.server, traffic.tell_peer, v6=True)
        s = self.connect(self.client, (self.server.v6, 8080))
        self.assertEqual(traffic.receive_all(s).decode().strip(), self.client.v6)
        self.check_access_lines(f"[{self.client.v6}]", f"[{self.server.v6}]")

    def check_access_lines(self, client, server):
        self.doCleanups()  # closes the connection: the line comes at its end
        for node, direction in ((self.node_a, "outbound"), (self.node_b, "inbound")):
            line = wait_for(lambda n=node, d=direction: n.access(
                rf'direction="{d}"', rf"src\.addr={re.escape(client)}:",
                rf"dst\.hbone_addr={re.escape(server)}:8080 "),
                f"the {direction} access line")[-1]
            self.assertIn("connection complete", line)
            self.assertIn(f'src.identity="{self.client.identity}"', line)
            self.assertIn(f'dst.identity="{self.server.identity}"', line)
            self.assertIn(f"dst.addr={server}:15008", line)

    def test_no_plaintext_between_nodes(self):
        secret = b"a-sentence-that-must-not-cross-in-the-clear"
        for address in (self.server.v4, self.server.v6):
            with self.subTest(address=address):
                self.serve(self.server, traffic.echo, port=8091, v6=":" in address)
                with Capture(self.mesh.fabric.hub, f"p{self.server.number}") as wire:
                    s = self.connect(self.client, (address, 8091))
                    s.sendall(secret * 50)
                    self.assertEqual(traffic.receive_exactly(s, len(secret) * 50), secret * 50)
                    time.sleep(0.2)
                self.assertGreater(len(wire.packets), 4)
                self.assertFalse(wire.contains(secret), "plaintext on the wire")
                self.assertIn(15008, wire.tcp_ports())
                self.assertNotIn(8091, wire.tcp_ports())

    def test_same_node(self):
        self.serve(self.second, traffic.tell_peer)
        s = self.connect(self.client, (self.second.v4, 8080))
        self.assertEqual(traffic.receive_all(s).decode().strip(), self.client.v4)

    def test_own_address_is_left_alone(self):
        self.serve(self.client, traffic.tell_peer)
        s = self.connect(self.client, (self.client.v4, 8080))
        self.assertEqual(traffic.receive_all(s).decode().strip(), self.client.v4)

    def test_concurrent_connections_share_tunnels(self):
        server = self.serve(self.server, traffic.echo)
        made = [self.connect(self.second, (self.server.v4, 8080)) for _ in range(60)]
        for s in made:
            s.sendall(b"x")
            self.assertEqual(s.recv(1), b"x")
        seen = self.server.ns.run("ss", "-Htn", "state", "established", "sport", "=", ":15008").stdout
        tunnels = [x for x in seen.splitlines() if f"{self.second.v4}]" in x or f"{self.second.v4}:" in x]
        self.assertEqual(server.accepted, 60)
        self.assertGreaterEqual(len(tunnels), 1, seen)
        self.assertLessEqual(len(tunnels), 4, f"60 connections took {len(tunnels)} tunnels")
