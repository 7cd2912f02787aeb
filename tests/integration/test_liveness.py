"""Peers that fall silent, and what is done to notice it."""

import time

from harness import traffic
from harness.process import wait_for
from own_mesh import OwnMesh


class KeepAlive(OwnMesh):
    def prepare(self):
        self.node_a.env = {"KEEPALIVE_TIME": "70s"}
        self.node_b.env = {"KEEPALIVE_ENABLED": "false"}

    def sockets(self, pod, *words):
        """The daemon's connections in a pod with their timers, one line each."""
        found = pod.ns.run("ss", "-Htnop", "state", "established", *words).stdout.splitlines()
        return [x for x in found if f"pid={pod.node.daemon.pid}," in x]

    def test_keepalive_follows_the_settings(self):
        self.open()
        # From the application, and to the peer.
        for words in (("sport", "=", ":15001"), ("dport", "=", ":15008")):
            seen = self.sockets(self.client, *words)
            self.assertEqual(len(seen), 1, seen)
            # A minute and ten seconds, less what has passed; 180 seconds would be three minutes.
            self.assertRegex(seen[0], r"timer:\(keepalive,1min[\w.]*,0\)")
        for words in (("sport", "=", ":15008"), ("dport", "=", ":8080")):
            seen = self.sockets(self.server, *words)
            self.assertEqual(len(seen), 1, seen)
            self.assertNotIn("keepalive", seen[0])


class Unfinished(OwnMesh):
    def prepare(self):
        self.mute = self.mesh.pod("mute", 1, enrolled=False, protocol="HBONE")

    def test_peer_that_leaves_during_the_handshake_is_a_failed_connect(self):
        with traffic.Server(self.mute.ns, (self.mute.v4, 15008), lambda s, _: s.recv(1)):
            s = self.client.ns.connect((self.mute.v4, 8080), 10)
            self.addCleanup(s.close)
            self.assertTrue(traffic.closed_by_other_side(s))
        self.node_a.daemon.wait_line("access", f"dst.addr={self.mute.v4}:15008", "TLS handshake")
        failed = self.node_a.metrics()["istio_tcp_connections_failed_total"]
        self.assertEqual([(labels["response_flags"], n) for labels, n in failed], [("CONNECT", 1)])


class Silence(OwnMesh):
    """The network between the nodes swallows every packet of HBONE and says nothing."""

    DROP = """table inet silence {
        chain in { type filter hook input priority -300; tcp dport 15008 drop; }
        chain out { type filter hook output priority -300; tcp sport 15008 drop; }
    }"""

    def swallow(self):
        run = self.server.ns.run("nft", "-f", "-", input=self.DROP)
        self.assertEqual(run.returncode, 0, run.stderr)

    def speak_again(self):
        self.server.ns.run("nft", "delete", "table", "inet", "silence")

    def test_silent_peer_is_given_up(self):
        """PING after ten quiet seconds, and twenty for its answer: both ends notice, and
        neither application may take what it has got for everything."""
        accepted = []

        def hold(s, _):
            accepted.append(traffic.ending(s, 60))
        with traffic.Server(self.server.ns, (self.server.v4, 8081), hold):
            s = self.client.ns.connect((self.server.v4, 8081), 10)
            self.addCleanup(s.close)
            wait_for(lambda: self.node_b.metric("istio_tcp_connections_opened_total") >= 1,
                     "the server's side to be open")
            self.swallow()
            begin = time.monotonic()
            self.assertEqual(traffic.ending(s, 60), "reset")
            self.assertGreater(time.monotonic() - begin, 19)
            wait_for(lambda: accepted, "the server's end of the connection", 20)
            self.assertLess(time.monotonic() - begin, 40)  # thirty, and some for a busy machine
        self.assertEqual(accepted, ["reset"])
        for node in self.mesh.nodes:
            node.daemon.wait_line("tunnel ended", "the peer did not answer PING")
            node.daemon.wait_line("connection complete", "the peer did not answer PING")
        self.speak_again()
        self.works()

    def test_dropped_syn_ends_in_a_named_timeout(self):
        self.swallow()
        begin = time.monotonic()
        s = self.client.ns.connect((self.server.v4, 8080), 5)  # to the proxy, which then dials
        self.addCleanup(s.close)
        self.assertEqual(traffic.ending(s, 20), "reset")
        took = time.monotonic() - begin
        self.assertGreater(took, 9)
        self.assertLess(took, 13)
        line = self.node_a.daemon.wait_line("access", 'direction="outbound"')
        self.assertIn("maybe a NetworkPolicy is blocking HBONE port 15008", line)
        self.assertIn(f"connect {self.server.v4}:15008", line)
        self.assertEqual(self.node_a.metric("istio_tcp_connections_failed_total",
                                            response_flags="NETWORK_POLICY"), 1)
        self.speak_again()
        self.works()
