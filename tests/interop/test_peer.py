"""Culvert against a reference ztunnel, in both directions, with the same control plane."""

import contextlib
import hashlib
import os
import signal
import socket
import time
import unittest

from harness import runner, traffic
from harness.mesh import Mesh
from harness.process import wait_for

PEER = os.environ.get("CULVERT_PEER")


@unittest.skipUnless(PEER, "CULVERT_PEER names no reference ztunnel")
class WithPeer(unittest.TestCase):
    """The peer serves node-b: `ours` is a pod of culvert's node, `theirs` one of the peer's."""

    @classmethod
    def setUpClass(cls):
        cls.mesh = Mesh(runner.OPTIONS.bin, runner.OPTIONS.logs, "interop")
        cls.addClassCleanup(cls.mesh.close)
        cls.ours, cls.theirs = cls.mesh.pod("ours", 0), cls.mesh.pod("theirs", 1)
        cls.mesh.service("both", 1, {80: 8080}, [cls.theirs])
        cls.mesh.nodes[1].program = PEER
        cls.mesh.start()

    def both_ways(self):
        return (self.ours, self.theirs), (self.theirs, self.ours)

    def serve(self, pod, handler, port=8080, v6=False):
        server = traffic.Server(pod.ns, (pod.v6 if v6 else pod.v4, port), handler)
        self.addCleanup(server.close)
        return server

    def test_peer_address_and_identities(self):
        for v6 in (False, True):
            for source, target in self.both_ways():
                server = self.serve(target, traffic.tell_peer, v6=v6)
                with source.ns.connect((target.v6 if v6 else target.v4, 8080), 15) as s:
                    self.assertEqual(traffic.receive_all(s).decode().strip(),
                                     source.v6 if v6 else source.v4)
                server.close()
                for node in self.mesh.nodes:
                    wait_for(lambda n=node, s=source, t=target: n.access(
                        f'src.identity="{s.identity}"', f'dst.identity="{t.identity}"',
                        "connection complete"), f"the access line of {node.name}")

    def test_peer_service(self):
        self.serve(self.theirs, traffic.tell_peer)
        with self.ours.ns.connect(("198.19.0.1", 80), 15) as s:
            self.assertEqual(traffic.receive_all(s).decode().strip(), self.ours.v4)

    def test_peer_large_both_directions(self):
        size = runner.OPTIONS.large << 30
        for source, target in self.both_ways():
            server = self.serve(target, traffic.digest)
            with source.ns.connect((target.v4, 8080), 120) as s:
                expected = traffic.send_blocks(s, size)
                s.shutdown(socket.SHUT_WR)
                self.assertEqual(traffic.receive_all(s).decode(), expected)
            server.close()
            sums = {}

            def produce(s, _):
                sums["sent"] = traffic.send_blocks(s, size)
                s.shutdown(socket.SHUT_WR)
                traffic.receive_all(s)
            server = self.serve(target, produce)
            with source.ns.connect((target.v4, 8080), 120) as s:
                state = hashlib.sha256()
                while data := s.recv(1 << 20):
                    state.update(data)
            self.assertEqual(state.hexdigest(), wait_for(lambda: sums.get("sent"), "the sender"))
            server.close()

    def test_peer_half_close(self):
        for source, target in self.both_ways():
            result = []

            def speak_then_listen(s, _):
                s.sendall(b"done")
                s.shutdown(socket.SHUT_WR)
                result.append(traffic.receive_all(s))
            server = self.serve(target, speak_then_listen)
            with source.ns.connect((target.v4, 8080), 15) as s:
                self.assertEqual(traffic.receive_all(s), b"done")
                s.sendall(b"after your end")
                s.shutdown(socket.SHUT_WR)
                wait_for(lambda: result, "the server to see the end")
            self.assertEqual(result[0], b"after your end")
            server.close()

    def test_peer_small_messages(self):
        for source, target in self.both_ways():
            server = self.serve(target, traffic.echo)
            with source.ns.connect((target.v4, 8080), 15) as s:
                for i in range(500):
                    s.sendall(bytes([i & 255]) * (i % 40 + 1))
                    traffic.receive_exactly(s, i % 40 + 1)
            server.close()

    def test_peer_many_connections(self):
        for source, target in self.both_ways():
            echo = traffic.ManyEcho(target.ns, (target.v4, 9000))
            made = traffic.open_many(source.ns, (target.v4, 9000), 1000)
            try:
                self.assertEqual(traffic.ask_all(made), 1000)
            finally:
                for s in made:
                    s.close()
                echo.close()

    def test_peer_refusals(self):
        for source, target in self.both_ways():
            with contextlib.suppress(ConnectionResetError):  # may come before it is connected
                with source.ns.connect((target.v4, 4444), 15) as s:
                    self.assertTrue(traffic.closed_by_other_side(s), source.name)

    def test_peer_resets(self):
        """An application's reset ends the other one's connection, and nothing else."""
        for source, target in self.both_ways():
            def answer_and_reset(s, _):
                s.sendall(b"half an ans")
                s.recv(10)
                traffic.reset(s)
            server = self.serve(target, answer_and_reset)
            neighbour = self.serve(target, traffic.echo, port=8071)
            with source.ns.connect((target.v4, 8071), 15) as beside:
                with source.ns.connect((target.v4, 8080), 15) as s:
                    self.assertEqual(traffic.receive_exactly(s, 11), b"half an ans")
                    s.sendall(b"x")
                    # The reference says FIN whatever it hears, and tells of a reset as of an end.
                    self.assertNotEqual(traffic.ending(s), "open", source.name)
                beside.sendall(b"still")
                self.assertEqual(traffic.receive_exactly(beside, 5), b"still")
            server.close()
            neighbour.close()

    def test_peer_policy(self):
        for source, target in self.both_ways():
            name = source.identity.removeprefix("spiffe://")
            self.mesh.policy("no", "Deny", [[[{"principals": [{"Exact": name}]}]]], pods=[target])
            self.mesh.write_config()
            server = self.serve(target, traffic.tell_peer)

            def answer():
                try:
                    with source.ns.connect((target.v4, 8080), 15) as s:
                        return traffic.receive_all(s)
                except ConnectionResetError:
                    return b""
            try:
                wait_for(lambda: answer() == b"", "the policy to deny", 10, 0.2)
            finally:
                self.mesh.policies, target.policies = [], []
                self.mesh.write_config()
            wait_for(lambda: answer() != b"", "the policy to be gone", 10, 0.2)
            server.close()

    def test_peer_stalled_reader(self):
        for source, target in self.both_ways():
            def sleep(s, _):
                time.sleep(8)
                s.close()
            stalled = self.serve(target, sleep, port=8070)
            server = self.serve(target, traffic.digest)
            with source.ns.connect((target.v4, 8070), 15) as blocked:
                blocked.setblocking(False)
                end = time.monotonic() + 1.5
                while time.monotonic() < end:
                    try:
                        blocked.send(bytes(1 << 16))
                    except BlockingIOError:
                        time.sleep(0.02)
                with source.ns.connect((target.v4, 8080), 30) as s:
                    expected = traffic.send_blocks(s, 32 << 20)
                    s.shutdown(socket.SHUT_WR)
                    self.assertEqual(traffic.receive_all(s).decode(), expected)
            stalled.close()
            server.close()

    def test_peer_tunnel_outlives_pings(self):
        """An idle tunnel answers the other side's PINGs, which come every 10 s."""
        opened = []
        for source, target in self.both_ways():
            server = self.serve(target, traffic.echo, port=8071)
            s = source.ns.connect((target.v4, 8071), 15)
            self.addCleanup(s.close)
            s.sendall(b"before")
            traffic.receive_exactly(s, 6)
            opened.append((s, server))
        time.sleep(35)
        for s, _ in opened:
            s.sendall(b"after")
            self.assertEqual(traffic.receive_exactly(s, 5), b"after")


@unittest.skipUnless(PEER, "CULVERT_PEER names no reference ztunnel")
class PeerGoesAway(unittest.TestCase):
    def test_peer_restarts_and_drains(self):
        mesh = Mesh(runner.OPTIONS.bin, runner.OPTIONS.logs, "interop-restart",
                    env={"CONNECTION_TERMINATION_DEADLINE": "2s"})
        self.addCleanup(mesh.close)
        ours, theirs = mesh.pod("ours", 0), mesh.pod("theirs", 1)
        mesh.nodes[1].program = PEER
        mesh.start()
        servers = [traffic.Server(p.ns, (p.v4, 8080), traffic.echo) for p in (ours, theirs)]

        def attempt(source, target):
            try:
                with source.ns.connect((target.v4, 8080), 3) as s:
                    s.sendall(b"x")
                    return s.recv(1) == b"x"
            except OSError:
                return False
        for stopped in (1, 0, 1):
            for source, target in ((ours, theirs), (theirs, ours)):
                wait_for(lambda s=source, t=target: attempt(s, t), f"{source.name} to reach the other")
            node = mesh.nodes[stopped]
            node.daemon.signal(signal.SIGTERM)
            self.assertEqual(node.daemon.wait(15), 0)
            node.start_daemon()
        for server in servers:
            server.close()
