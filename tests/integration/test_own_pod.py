"""The daemon's own pod in the mesh: a scraper reaches its metrics through a tunnel, and nothing else."""

import re

from harness import certificates, h2, traffic
from harness.process import wait_for
from harness.mesh import FIRST_NODE
from harness.node import ADMIN, READY, STATS
from own_mesh import OwnMesh


class OwnPod(OwnMesh):
    """The second node's daemon runs in a pod; the first one's does not know of any."""

    IDENTITY = "spiffe://cluster.local/ns/mesh-system/sa/tunnel"

    def prepare(self):
        self.address = self.mesh.fabric.v4(FIRST_NODE + 1)
        self.address6 = self.mesh.fabric.v6(FIRST_NODE + 1)
        self.node_b.env = {"POD_NAME": "tunnel-b", "POD_NAMESPACE": "mesh-system", "SERVICE_ACCOUNT": "tunnel"}
        self.record = {
            "uid": "Kubernetes//Pod/mesh-system/tunnel-b", "name": "tunnel-b", "namespace": "mesh-system",
            "serviceAccount": "tunnel", "trustDomain": "cluster.local", "protocol": "HBONE",
            "workloadIps": [self.address, self.address6], "node": "node-b", "workloadName": "tunnel",
            "workloadType": "pod", "canonicalName": "tunnel", "canonicalRevision": "latest",
            "clusterId": "Kubernetes", "services": {}}
        self.mesh.padding.append(self.record)

    def scrape(self, address):
        with self.client.ns.connect((address, STATS), 10) as s:
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return traffic.receive_all(s)

    def asked(self, *authorities):
        """The statuses of CONNECT requests from a workload of the mesh to the daemon's own 15008."""
        context = h2.tls_context(self.mesh.state("root-cert.pem"), *certificates.of_mesh(self.mesh).issue(
            "scraper", "spiffe://cluster.local/ns/monitoring/sa/scraper"))
        with h2.Client(self.node_a.ns, (self.address, 15008), context) as client:
            return [client.connect(authority)[1] for authority in authorities]

    def test_own_metrics_through_the_mesh(self):
        for address in (self.address, self.address6):
            answer = self.scrape(address)
            self.assertIn(b" 200 OK", answer.splitlines()[0])
            self.assertIn(b"istio_build{component=\"ztunnel\"", answer)
            self.assertTrue(answer.endswith(b"# EOF\n"))
        line = self.node_a.daemon.wait_line("\taccess\tconnection complete", "dst.hbone_addr=", f":{STATS} ")
        self.assertIn(f'src.identity="{self.client.identity}"', line)
        self.assertIn(f'dst.identity="{self.IDENTITY}"', line)
        self.node_b.daemon.wait_line("\taccess\tconnection complete", f'src.identity="{self.client.identity}"',
                                     'dst.workload="tunnel-b"', 'direction="inbound"')
        # The second of them may still be ending.
        wait_for(lambda: self.node_b.metric(
            "istio_tcp_connections_closed_total", reporter="destination", destination_principal=self.IDENTITY,
            source_workload="client", connection_security_policy="mutual_tls", response_flags="-") == 2,
                 "both connections to be counted as closed")

    def test_nothing_else_of_the_daemon_is_reached_through_the_mesh(self):
        self.assertEqual(self.asked(f"{self.address}:{STATS}", f"{self.address}:{READY}",
                                    f"{self.address}:{ADMIN}", f"{self.address}:15008",
                                    f"127.0.0.1:{ADMIN}", f"[::1]:{ADMIN}", f"localhost:{ADMIN}"),
                         [200, 503, 503, 503, 400, 400, 503])
        self.assertTrue(self.node_b.daemon.running())
        # Nor does anything of it stand where nobody has named a pod.
        with self.assertRaises(ConnectionRefusedError):
            self.node_b.ns.connect((self.mesh.fabric.v4(FIRST_NODE), 15008), 5).close()

    def test_policies_hold_for_the_own_pod(self):
        self.assertEqual(self.asked(f"{self.address}:{STATS}"), [200])
        self.mesh.policy("scrapers", "Allow", [[[{"principals": [{"Exact": self.client.identity[9:]}]}]]],
                         scope="Namespace", namespace="mesh-system")
        self.mesh.write_config()
        # No event says when the node knows it: a refusal does, and it stays.
        for _ in range(100):
            if (status := self.asked(f"{self.address}:{STATS}")) == [401]:
                break
        self.assertEqual(status, [401])
        self.assertIn(b" 200 OK", self.scrape(self.address).splitlines()[0])

    def test_a_taken_port_of_the_own_pod_stops_the_start(self):
        self.node_b.daemon.stop()
        server = traffic.Server(self.node_b.ns, (self.address, 15008), traffic.echo)
        self.addCleanup(server.close)
        daemon = self.node_b.start_daemon(wait=False)
        self.assertEqual(daemon.popen.wait(20), 1)
        self.assertTrue(re.search("cannot start: this pod's own metrics cannot be served.*15008.*in use",
                                  daemon.log()), daemon.log()[-2000:])
