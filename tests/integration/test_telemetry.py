"""What the daemon says of single connections: who an unknown source is taken for, and why a policy
decided as it did."""

import re
import uuid

from harness import certificates, h2, traffic
from harness.node import ADMIN
from harness.process import wait_for
from own_mesh import OwnMesh
from standard import MeshTest


class UnknownSource(MeshTest):
    """A peer whose address the mesh has never heard of."""

    def setUp(self):
        super().setUp()
        # A new name each time: the counters of the shared mesh start at zero for it.
        self.account = f"robot-{uuid.uuid4().hex[:8]}"
        self.identity = f"spiffe://cluster.local/ns/abroad/sa/{self.account}"
        self.serve(self.server, traffic.echo)

    def one_connection(self, *headers):
        issuer = certificates.of_mesh(self.mesh)
        context = h2.tls_context(self.mesh.state("root-cert.pem"),
                                 *issuer.issue(self.account, self.identity))
        with h2.Client(self.mesh.outside, (self.server.v4, 15008), context) as client:
            stream, status, _ = client.connect(f"{self.server.v4}:8080", headers)
            self.assertEqual(status, 200)
            client.data(stream, b"hello", end=True)
            self.assertEqual(client.read_data(stream, 5), b"hello")

    def sources(self, **labels):
        """The source labels of the connections that the server's node has closed."""
        return [{k.removeprefix("source_"): v for k, v in have.items() if k.startswith("source_")}
                for have, _ in self.node_b.metrics().get("istio_tcp_connections_closed_total", [])
                if all(have.get(k) == v for k, v in labels.items())]

    def check(self, **expected):
        unknown = dict.fromkeys(("app", "canonical_revision", "canonical_service", "cluster", "region",
                                 "version", "workload", "zone"), "unknown")
        found = wait_for(lambda: self.sources(source_principal=self.identity, reporter="destination"),
                         "the connection to be counted")
        self.assertEqual(found, [unknown | {"principal": self.identity, "workload_namespace": "abroad"}
                                 | expected])

    def test_unknown_source_is_what_its_certificate_says(self):
        self.one_connection()
        self.check()

    def test_unknown_source_is_described_by_its_baggage(self):
        """All but its namespace, which the certificate proves."""
        self.one_connection(("baggage", "k8s.cluster.name=far,k8s.namespace.name=pretended,"
                             "k8s.deployment.name=robots,service.name=robot,service.version=v7,"
                             "cloud.region=north,cloud.availability_zone=n1"))
        self.check(workload="robots", app="robots", canonical_service="robot", version="v7",
                   canonical_revision="v7", cluster="far", region="north", zone="n1")
        line = wait_for(lambda: self.node_b.access(self.account), "the access line")[-1]
        self.assertIn('src.workload="robots" src.namespace="abroad"', line)
        self.assertNotIn("pretended", line)

    def test_unknown_plaintext_source_stays_unknown(self):
        labels = {"source_principal": "unknown", "source_workload": "unknown",
                  "connection_security_policy": "unknown", "reporter": "destination"}
        before = self.node_b.metric("istio_tcp_connections_closed_total", **labels)
        with self.mesh.outside.connect((self.server.v4, 8080)) as s:
            s.sendall(b"x")
            self.assertEqual(s.recv(1), b"x")
        wait_for(lambda: self.node_b.metric("istio_tcp_connections_closed_total", **labels) ==
                 before + 1, "the connection to be counted")
        for source in self.sources(**labels):
            self.assertEqual(set(source.values()), {"unknown"})


class PolicyLog(OwnMesh):
    """The same policies on a node that tells on info level and on one that does on debug only."""

    DENIED = (r"\tproxy::policy\t", "connection denied", "explicitly denied by: demo/not-8081")

    def prepare(self):
        self.node_b.env = {"AUTHZ_POLICY_INFO_LOGGING": "true"}
        self.quiet = self.mesh.pod("quiet", 0)
        both = [self.quiet, self.server]
        self.mesh.policy("not-8081", "Deny", [[[{"destinationPorts": [8081]}]]], pods=both)
        self.mesh.policy("perhaps", "Deny", [[[{"destinationPorts": [8080]}]]], pods=both)
        self.mesh.policies[-1]["dryRun"] = True

    def denied(self, pod):
        try:
            with self.client.ns.connect((pod.v4, 8081), 10) as s:
                return traffic.closed_by_other_side(s)
        except ConnectionResetError:
            return True

    def test_policy_decisions_are_logged_on_the_chosen_level(self):
        self.works()
        self.assertTrue(self.denied(self.server))
        line = self.node_b.daemon.wait_line("\tinfo\t", *self.DENIED)
        self.assertIn(f"src.addr={self.client.v4}:", line)
        self.assertIn(f'src.identity="{self.client.identity}"', line)
        self.assertIn(f"dst.addr={self.server.v4}:8081", line)
        self.node_b.daemon.wait_line(r"\tinfo\tproxy::policy\tconnection allowed", ":8080 ")
        self.node_b.daemon.wait_line(r"\tinfo\tproxy::policy\t", "dry-run", "demo/perhaps")

    def test_policy_decisions_are_for_debug_by_default(self):
        self.assertTrue(self.denied(self.quiet))
        # The access log says it on every level; the decision itself is not told.
        self.node_a.daemon.wait_line("\twarn\t|\terror\t", "access", 'direction="inbound"',
                                     "explicitly denied by: demo/not-8081")
        self.assertFalse(self.node_a.daemon.lines("proxy::policy"))
        status, _ = self.node_a.http(ADMIN, "/logging?level=proxy::policy=debug", method="POST")
        self.assertEqual(status, 200)
        self.assertTrue(self.denied(self.quiet))
        self.node_a.daemon.wait_line("\tdebug\t", *self.DENIED)

    def test_both_ends_name_the_same_trace(self):
        for node, target in ((self.node_a, "proxy::outbound"), (self.node_b, "proxy::inbound")):
            status, _ = node.http(ADMIN, f"/logging?level={target}=debug", method="POST")
            self.assertEqual(status, 200)
        self.works()
        line = self.node_a.daemon.wait_line("\tdebug\tproxy::outbound\tCONNECT", f"src.addr={self.client.v4}:")
        trace = re.search(r'traceparent="(00-[0-9a-f]{32}-[0-9a-f]{16}-00)"', line)[1]
        self.node_b.daemon.wait_line("\tdebug\tproxy::inbound\tCONNECT", trace)
