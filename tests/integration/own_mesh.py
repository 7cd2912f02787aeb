"""A mesh for one test alone, which may stop, kill and change what it likes: two nodes, a client on the
first, an echo server on the second."""

import unittest

from harness import runner, traffic
from harness.mesh import Mesh
from harness.process import wait_for


class OwnMesh(unittest.TestCase):
    """Base of the tests on a mesh of their own; names its pods and nodes."""

    ENV = {"CONNECTION_TERMINATION_DEADLINE": "3s"}

    def setUp(self):
        self.mesh = Mesh(runner.OPTIONS.bin, runner.OPTIONS.logs, self._testMethodName, env=self.ENV)
        self.addCleanup(self.mesh.close)
        self.client, self.server = self.mesh.pod("client", 0), self.mesh.pod("server", 1)
        for node in self.mesh.nodes:
            if runner.OPTIONS.daemon:
                node.program = runner.OPTIONS.daemon
        self.node_a, self.node_b = self.mesh.nodes
        self.prepare()
        self.mesh.start()
        self.echo = traffic.Server(self.server.ns, (self.server.v4, 8080), traffic.echo)
        self.addCleanup(self.echo.close)

    def prepare(self):
        pass

    def works(self, seconds=10):
        """Waits until a new connection carries a byte there and back."""
        def attempt():
            try:
                with self.client.ns.connect((self.server.v4, 8080), 3) as s:
                    s.sendall(b"x")
                    return s.recv(1) == b"x"
            except OSError:
                return False
        wait_for(attempt, "a connection through the mesh", seconds, 0.1)

    def open(self):
        s = self.client.ns.connect((self.server.v4, 8080), 10)
        self.addCleanup(s.close)
        self.check(s)
        return s

    def check(self, s):
        s.sendall(b"still")
        self.assertEqual(traffic.receive_exactly(s, 5), b"still")

    def secured(self):
        """Whether new connections reach the server through 15008."""
        before = self.node_b.metric("istio_tcp_connections_opened_total", reporter="destination",
                                    connection_security_policy="mutual_tls")
        self.works()
        return self.node_b.metric("istio_tcp_connections_opened_total", reporter="destination",
                                  connection_security_policy="mutual_tls") > before
