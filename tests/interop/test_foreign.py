"""A foreign HBONE peer in both directions: python3-h2 with its default settings (windows of 64 KiB,
frames of 16 KiB), as a client of our server and as a server of our client."""

import json
import os
import re
import subprocess
import unittest

from harness import certificates, runner, traffic
from harness.mesh import Mesh
from harness.process import Process, wait_for

PYTHON = "/usr/bin/python3"  # the distribution's, which has the library
PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "h2_peer.py")


class ForeignPeer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if subprocess.run([PYTHON, "-c", "import h2"], capture_output=True, check=False).returncode != 0:
            raise unittest.SkipTest("python3-h2 is not installed")
        cls.mesh = Mesh(runner.OPTIONS.bin, runner.OPTIONS.logs, "foreign", nodes=("node-a", "node-b"))
        cls.addClassCleanup(cls.mesh.close)
        cls.client, cls.server = cls.mesh.pod("client", 0), cls.mesh.pod("server", 0)
        cls.foreign = cls.mesh.pod("foreign", 1, enrolled=False, protocol="HBONE")
        if runner.OPTIONS.daemon:
            cls.mesh.nodes[0].program = runner.OPTIONS.daemon
        cls.mesh.start()
        issuer = certificates.of_mesh(cls.mesh)
        cls.proof = [issuer.cert, *issuer.issue("foreign", cls.foreign.identity)]

    def ask(self, authority, streams, size):
        run = self.foreign.ns.run(PYTHON, PROGRAM, "ask", self.server.v4, 15008, *self.proof, authority, streams,
                                  size, timeout=120)
        return run.stdout.split("\n")[0] or run.stderr[-800:]

    def serve(self, address):
        log = os.path.join(self.mesh.logs, "foreign-h2.log")
        peer = Process("foreign peer", [PYTHON, PROGRAM, "serve", address, 15008, *self.proof], log,
                       netns=self.foreign.ns)
        self.addCleanup(peer.stop)
        wait_for(lambda: peer.lines("listening"), "the foreign peer to listen")
        return peer

    def test_foreign_client_opens_tunnels(self):
        with traffic.Server(self.server.ns, (self.server.v4, 8080), traffic.echo):
            self.assertEqual(self.ask(f"{self.server.v4}:8080", 40, 300000), "40 whole")
            self.assertEqual(self.ask(f"{self.server.v4}:8080", 1, 20 << 20), "1 whole")
        self.assertEqual(self.ask(f"{self.server.v4}:8080", 1, 1), "status 503")

    def test_foreign_server_is_reached(self):
        peer = self.serve(self.foreign.v4)
        data = os.urandom(3 << 20)
        for n in range(1, 4):
            with self.client.ns.connect((self.foreign.v4, 8080), 10) as s:
                port = s.getsockname()[1]
                traffic_back = self.exchange(s, data[:n << 20])
            self.assertEqual(traffic_back, data[:n << 20])
            self.check_headers(dict(json.loads(peer.lines(r"^\[")[-1])), port)

    def check_headers(self, headers, port):
        """Exactly these, and each of its form."""
        self.assertEqual(sorted(headers), [":authority", ":method", "baggage", "forwarded", "traceparent"])
        self.assertEqual((headers[":method"], headers[":authority"]), ("CONNECT", f"{self.foreign.v4}:8080"))
        self.assertEqual(headers["forwarded"], f'for="{self.client.v4}:{port}"')
        self.assertTrue(re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", headers["traceparent"]))
        self.assertIn("k8s.namespace.name=demo", headers["baggage"])

    @staticmethod
    def exchange(s, data):
        """Sends and receives at once: neither side holds everything."""
        s.settimeout(60)
        got, sent = bytearray(), 0
        while sent < len(data) or len(got) < len(data):
            if sent < len(data):
                sent += s.send(data[sent:sent + 30000])
            if sent - len(got) > 30000 or sent == len(data):
                chunk = s.recv(1 << 16)
                if not chunk:
                    break
                got += chunk
        return bytes(got)

    def test_goaway_of_a_foreign_server_moves_new_connections(self):
        peer = self.serve(self.foreign.v6)
        first = self.client.ns.connect((self.foreign.v6, 8080), 10)
        self.addCleanup(first.close)
        first.sendall(b"goaway")
        self.assertEqual(traffic.receive_exactly(first, 6), b"goaway")
        with self.client.ns.connect((self.foreign.v6, 8080), 10) as second:
            second.sendall(b"hello")
            self.assertEqual(traffic.receive_exactly(second, 5), b"hello")
        self.assertEqual(len(peer.lines(r"^\[")), 2)
