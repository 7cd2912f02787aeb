"""Peers that fall silent, and what is done to notice it."""

from test_lifecycle import OwnMesh


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
