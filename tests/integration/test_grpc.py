"""gRPC through the mesh: long-lived streams of an HTTP/2 that is not ours, inside a tunnel."""

import os
import subprocess

from harness.process import Process, wait_for
from standard import MeshTest

PYTHON = "/usr/bin/python3"  # the distribution's, which has its gRPC
PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "grpc_echo.py")
CALLS = ["unary", "server-stream", "client-stream", "both", "cancelled"]


class Grpc(MeshTest):
    def calls(self, address):
        log = os.path.join(self.mesh.logs, "standard-grpc.log")
        server = Process("grpc server", [PYTHON, PROGRAM, "serve", address], log, netns=self.server.ns)
        self.addCleanup(server.stop)
        wait_for(lambda: server.lines("listening") or not server.running(), "the gRPC server to listen")
        run = self.client.ns.run(PYTHON, PROGRAM, "ask", address, timeout=120)
        self.assertEqual(run.stdout.split(), CALLS, run.stderr[-1000:] + server.log()[-1000:])

    def test_grpc_streams_v4(self):
        self.calls(f"{self.server.v4}:8090")
        self.assertTrue(wait_for(lambda: self.node_b.access("inbound", rf"dst.hbone_addr={self.server.v4}:8090"),
                                 "the connection's line"))

    def test_grpc_streams_v6(self):
        self.calls(f"[{self.server.v6}]:8090")
