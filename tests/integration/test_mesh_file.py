"""The mesh file while it is edited, and what the daemon has to say about what is in it."""

import json
import os
import unittest

from harness import runner, traffic
from harness.mesh import Mesh
from harness.process import wait_for


class FileTest(unittest.TestCase):
    """A client on one node and a server on the other, not started yet."""

    def setUp(self):
        self.mesh = Mesh(runner.OPTIONS.bin, runner.OPTIONS.logs, self._testMethodName)
        self.addCleanup(self.mesh.close)
        for node in self.mesh.nodes:
            if runner.OPTIONS.daemon:
                node.program = runner.OPTIONS.daemon
        self.node_a, self.node_b = self.mesh.nodes

    def answer(self, client, server, port):
        """What a new connection to the server reads: the client's address when it is let in."""
        with traffic.Server(server.ns, (server.v4, port), traffic.tell_peer):
            try:
                with client.ns.connect((server.v4, port), 10) as s:
                    return traffic.receive_all(s)
            except ConnectionResetError:
                return b""


class LocalFile(FileTest):
    """No control plane: workloads and policies from a file, certificates from the CA."""

    def setUp(self):
        super().setUp()
        self.client, self.server = self.mesh.pod("client", 0), self.mesh.pod("server", 1)
        self.mesh.policy("not-81", "Deny", [[[{"destinationPorts": [8081]}]]], pods=[self.server])
        self.path = os.path.join(self.mesh.dir, "local.yaml")
        self.write(json.dumps(self.mesh.document()))
        self.mesh.env = {"XDS_ADDRESS": "", "LOCAL_XDS_PATH": self.path}
        self.mesh.start()

    def write(self, text):
        """In place, as a shell's redirection does."""
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)

    def denied(self):
        return self.answer(self.client, self.server, 8081) == b""

    def test_local_file(self):
        self.assertEqual(self.answer(self.client, self.server, 8080), f"{self.client.v4}\n".encode())
        self.assertTrue(self.denied())
        self.assertEqual(len(self.node_a.config_dump()["staticConfig"]["workloads"]), 2)

    def test_local_file_is_edited_while_in_force(self):
        for wrong, named in (("", "has no content"), ("policies: [{name: a}]", "policies.0..namespace"),
                             ("policies:\n", "policies: must be a list")):
            with self.subTest(text=wrong):
                self.write(wrong)
                self.node_b.daemon.wait_line("the local file is wrong", named)
                self.assertTrue(self.denied(), "what was in force stays")
        document = self.mesh.document()
        document["policies"] = []
        self.write(json.dumps(document))
        self.node_b.daemon.wait_line("the local file has changed and is in force")
        wait_for(lambda: not self.denied(), "the removed policy to be gone")


class Warnings(FileTest):
    """What is served, and is not what its author probably meant."""

    def test_pod_whose_record_says_tcp_is_warned_of(self):
        client, server = self.mesh.pod("client", 0), self.mesh.pod("server", 1, protocol="TCP")
        self.mesh.start()
        self.assertEqual(self.answer(client, server, 8080), f"{client.v4}\n".encode())
        warning = ("\twarn\t", "record says TCP", 'pod="demo/server"')
        self.node_b.daemon.wait_line(*warning)
        server.extra = {"capacity": 2}  # another record that says the same
        self.mesh.write_config()
        wait_for(lambda: [w for w in self.node_b.config_dump()["workloads"]
                          if w["name"] == "server" and w.get("capacity") == 2], "the new record")
        self.assertEqual(len(self.node_b.daemon.lines(*warning)), 1, "once")
        self.assertEqual(self.node_a.daemon.lines("record says TCP"), [])

    def test_subject_names_that_nobody_can_prove_are_warned_of(self):
        server = self.mesh.pod("server", 1)
        self.mesh.service("shop", 1, {"80": 8080}, [server], subjectAltNames=["shop.example"])
        self.mesh.start()
        self.node_a.daemon.wait_line("\twarn\t", "no SPIFFE IDs", 'service="demo/shop.demo',
                                     'names="shop.example"')
