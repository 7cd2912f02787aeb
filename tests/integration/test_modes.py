"""Pods that are carried otherwise than by default: their clients' addresses, what of their traffic
is captured."""

from harness import traffic
from harness.netns import Netns, ip
from harness.process import wait_for
from test_lifecycle import OwnMesh


class NoOriginalSource(OwnMesh):
    ENV = {"ENABLE_ORIG_SRC": "false"}

    def prepare(self):
        self.plain = self.mesh.pod("plain", 0, enrolled=False)

    def seen_by_application(self, source, address, port):
        with traffic.Server(self.server.ns, (address, port), traffic.tell_peer):
            with source.ns.connect((address, port), 10) as s:
                return traffic.receive_all(s).decode().strip()

    def test_without_original_source_the_pod_is_the_client(self):
        for source in (self.client, self.plain):
            for port, address in ((8081, self.server.v4), (8082, self.server.v6)):
                with self.subTest(source=source.name, address=address):
                    self.assertEqual(self.seen_by_application(source, address, port), address)
        # The log still knows who it was.
        for source, pattern in ((self.client, "src.identity"), (self.plain, "src.workload")):
            self.node_b.daemon.wait_line("access", rf"src\.addr={source.v4}:", pattern,
                                         'direction="inbound"')
