"""What peers and readiness see of a daemon that comes and goes."""

import signal
import struct
import time

from harness import certificates, h2, traffic
from harness.process import wait_for
from own_mesh import OwnMesh

NO_ERROR = 0


class Farewell(OwnMesh):
    def prepare(self):
        self.outside = self.mesh.fabric.attach("outside", 5000)

    def peer(self):
        issuer = certificates.of_mesh(self.mesh)
        pair = issuer.issue("peer", "spiffe://cluster.local/ns/demo/sa/peer")
        client = h2.Client(self.outside, (self.server.v4, 15008), h2.tls_context(issuer.cert, *pair))
        self.addCleanup(client.close)
        return client

    def test_peers_get_goaway_before_the_end(self):
        peer, idle = self.peer(), self.peer()
        stream, status, _ = peer.connect(f"{self.server.v4}:8080")
        self.assertEqual(status, 200)
        idle.send(h2.frame(h2.PING, payload=b"12345678"))
        idle.until((h2.PING,))
        self.node_b.daemon.signal(signal.SIGTERM)
        first = peer.until((h2.GOAWAY,))
        last, code = struct.unpack(">II", first[3][:8])
        self.assertEqual((last, code), (0x7FFFFFFF, NO_ERROR))
        second = peer.until((h2.GOAWAY,))  # behind the answer to its PING: which streams it will serve
        last, code = struct.unpack(">II", second[3][:8])
        self.assertEqual((last, code), (stream, NO_ERROR))
        # The stream that was open goes on until it ends, the tunnel without one ends at once.
        self.assertEqual(idle.wait_end(), NO_ERROR)
        peer.data(stream, b"still")
        self.assertEqual(peer.read_data(stream, 5), b"still")
        peer.data(stream, end=True)
        self.assertEqual(peer.wait_end(), NO_ERROR)
        self.assertEqual(self.node_b.daemon.wait(10), 0)


class Unanswered(OwnMesh):
    """Connections that are still being opened when the deadline of three seconds comes."""

    def prepare(self):
        self.outside = self.mesh.fabric.attach("outside", 5000)

    def swallow(self, ns, port):
        run = ns.run("nft", "-f", "-", input=f"""table inet silence {{
            chain in {{ type filter hook input priority -300; tcp dport {port} drop; }}
        }}""")
        self.assertEqual(run.returncode, 0, run.stderr)

    def dial(self, ns, *address):
        s = ns.connect(address, 10)
        self.addCleanup(s.close)
        return s

    def ends_at_the_deadline(self, node, sockets):
        begin = time.monotonic()
        node.daemon.signal(signal.SIGTERM)
        self.assertEqual(node.daemon.wait(15), 0)
        took = time.monotonic() - begin
        self.assertGreater(took, 2.5)
        self.assertLess(took, 4.5)  # two seconds more are given to what does not end when it is cut
        lines = node.daemon.lines("access", "connection closed due to connection drain")
        self.assertEqual(len(lines), len(sockets), lines)
        for s in sockets:
            self.assertTrue(traffic.closed_by_other_side(s))

    def opened(self, node, reporter, count):
        wait_for(lambda: node.metric("istio_tcp_connections_opened_total",
                                     reporter=reporter) == count, f"{count} connections to be open")

    def test_connects_of_a_pod_end_at_the_deadline(self):
        self.swallow(self.server.ns, 15008)
        self.swallow(self.outside, 8080)
        sockets = [self.dial(self.client.ns, self.server.v4, 8080),
                   self.dial(self.client.ns, self.mesh.fabric.v4(5000), 8080)]
        self.opened(self.node_a, "source", 2)
        self.ends_at_the_deadline(self.node_a, sockets)

    def test_connects_to_a_pod_end_at_the_deadline(self):
        self.swallow(self.server.ns, 8081)
        silent = self.dial(self.outside, self.server.v4, 15008)  # no handshake comes
        sockets = [self.dial(self.client.ns, self.server.v4, 8081), silent]
        self.opened(self.node_b, "destination", 1)
        self.ends_at_the_deadline(self.node_b, sockets)


class Readiness(OwnMesh):
    def missing(self):
        status, text = self.node_b.readiness()
        return text if status == 500 else ""

    def test_ready_only_with_state_pods_and_nothing_pending(self):
        self.node_b.daemon.stop()
        self.mesh.control.stop()
        self.node_b.start_daemon(wait=False)
        wait_for(lambda: "state manager" in self.missing(), "the missing state to be named")
        taken = self.server.ns.listen(("0.0.0.0", 15008))
        self.addCleanup(taken.close)
        self.mesh.start_control()
        self.node_b.daemon.wait_line("15008", seconds=30)
        wait_for(lambda: "workload proxy manager" in self.missing(), "the pending pod to be named")
        time.sleep(0.5)
        self.assertIn("workload proxy manager", self.missing())
        self.assertNotIn("state manager", self.missing())
        taken.close()
        wait_for(lambda: self.node_b.readiness()[0] == 200, "to be ready", 40)
        self.works()
