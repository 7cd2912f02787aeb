"""A peer in a pod that the mesh does not carry, which says to the server's port 15008 what no proper
peer would."""

import re

from harness import certificates, h2, traffic
from harness.process import wait_for
from standard import MeshTest


class HostilePeer(MeshTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.issuer = certificates.of_mesh(cls.mesh)
        cls.root = cls.mesh.state("root-cert.pem")
        cls.good = cls.issuer.issue("good", "spiffe://cluster.local/ns/demo/sa/foreigner")

    def setUp(self):
        """Every test runs beside a connection that must not notice, and may leak nothing."""
        super().setUp()
        self.serve(self.server, traffic.echo)
        self.neighbour = self.connect(self.client, (self.server.v4, 8080))
        self.check_neighbour()
        self.before = self.node_b.daemon.fds()
        self.clients = []

    def tearDown(self):
        for client in self.clients:
            client.close()
        self.check_neighbour()
        wait_for(lambda: self.node_b.daemon.fds() <= self.before,
                 f"descriptors of the daemon to fall back to {self.before}", 15)
        super().tearDown()

    def check_neighbour(self):
        self.neighbour.sendall(b"still here")
        self.assertEqual(traffic.receive_exactly(self.neighbour, 10), b"still here")

    @property
    def target(self):
        return (self.server.v4, 15008)

    def context(self, pair=None, **options):
        """As whom the peer speaks; by default a proper client of the mesh."""
        return h2.tls_context(self.root, *(self.good if pair is None else pair), **options)

    def client_of(self, **options):
        client = h2.Client(self.plain.ns, self.target, self.context(), **options)
        self.clients.append(client)
        return client

    def authority(self, port=8080):
        return f"{self.server.v4}:{port}"

    def reasons(self, name, kinds="connection failed|inbound tunnel ended"):
        """Lines of the server's node that say how the connection of the peer's address `name`
        ended otherwise than in order; by default those of the connection, not of its streams."""
        return self.node_b.daemon.lines(kinds, rf"(src|peer)\.addr={re.escape(name)} ", "error=",
                                        since=self.node_b.mark)

    def check_reason(self, name, text, seconds=5, kinds=None):
        """One line says why the connection ended, and no more than one."""
        def lines():
            return self.reasons(name, kinds) if kinds else self.reasons(name)
        wait_for(lines, f"a line that says why {name} was ended ({text})", seconds)
        self.check_neighbour()  # and whatever else would be written has been
        self.assertEqual(len(lines()), 1, lines())
        self.assertRegex(lines()[0].partition("error=")[2], text)
