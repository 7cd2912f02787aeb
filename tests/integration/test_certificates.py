"""Certificates of short life: they are renewed at half of it, new handshakes use the new one, and
nothing that runs is disturbed."""

import ssl
import subprocess

from harness import certificates, h2
from harness.process import wait_for
from own_mesh import OwnMesh


class Rotation(OwnMesh):
    # The authority dates certificates back by a minute: half of 60 + 76 s is over 8 s after issue.
    ENV = {"SECRET_TTL": "76s", "POOL_MAX_STREAMS_PER_CONNECTION": "1"}

    def prepare(self):
        self.outside = self.mesh.fabric.attach("outside", 5000)

    def serials(self, node):
        """The serial numbers of the leaf certificates that a daemon holds, by identity."""
        return {c["identity"]: c["certChain"][0]["serialNumber"]
                for c in node.config_dump()["certificates"] if c["certChain"]}

    def presented(self):
        """The serial number of the certificate that the server's pod presents on 15008."""
        issuer = certificates.of_mesh(self.mesh)
        pair = issuer.issue("looker", "spiffe://cluster.local/ns/demo/sa/looker")
        context = h2.tls_context(issuer.cert, *pair)
        with self.outside.connect((self.server.v4, 15008), 10) as raw, context.wrap_socket(raw) as tls:
            pem = ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True))
        run = subprocess.run(["openssl", "x509", "-noout", "-serial"], input=pem, capture_output=True, text=True,
                             check=True)
        return str(int(run.stdout.strip().partition("=")[2], 16))

    def test_renewed_certificates_serve_new_connections(self):
        held = self.open()
        before = [self.serials(node) for node in self.mesh.nodes]
        server = self.server.identity
        self.assertEqual(self.presented(), before[1][server])
        wait_for(lambda: all(self.serials(node).get(pod.identity) not in (None, old[pod.identity])
                             for node, pod, old in zip(self.mesh.nodes, (self.client, self.server), before)),
                 "both nodes to renew their certificates", 60, 0.5)
        self.check(held)
        now = self.serials(self.node_b)[server]
        self.assertIn(self.presented(), (now, self.serials(self.node_b)[server]))
        # One stream a connection: each of these is a handshake of its own.
        self.assertTrue(self.secured())
        self.check(held)
