"""What peers and readiness see of a daemon that comes and goes."""

import signal
import struct
import time

from harness import certificates, h2
from harness.process import wait_for
from test_lifecycle import OwnMesh

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
