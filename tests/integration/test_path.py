"""The way of the bytes: client pod, tunnel, server pod."""

import contextlib
import hashlib
import re
import socket
import threading
import time

from harness import runner, traffic
from harness.capture import Capture
from harness.process import wait_for
from standard import MeshTest


class AcrossNodes(MeshTest):
    def test_v4_client_address_and_identities(self):
        self.serve(self.server, traffic.tell_peer)
        s = self.connect(self.client, (self.server.v4, 8080))
        self.assertEqual(traffic.receive_all(s).decode().strip(), self.client.v4)
        self.check_access_lines(self.client.v4, self.server.v4)

    def test_v6_client_address_and_identities(self):
        self.serve(self.server, traffic.tell_peer, v6=True)
        s = self.connect(self.client, (self.server.v6, 8080))
        self.assertEqual(traffic.receive_all(s).decode().strip(), self.client.v6)
        self.check_access_lines(f"[{self.client.v6}]", f"[{self.server.v6}]")

    def check_access_lines(self, client, server):
        self.doCleanups()  # closes the connection: the line comes at its end
        for node, direction in ((self.node_a, "outbound"), (self.node_b, "inbound")):
            line = wait_for(lambda n=node, d=direction: n.access(
                rf'direction="{d}"', rf"src\.addr={re.escape(client)}:",
                rf"dst\.hbone_addr={re.escape(server)}:8080 "),
                f"the {direction} access line")[-1]
            self.assertIn("connection complete", line)
            self.assertIn(f'src.identity="{self.client.identity}"', line)
            self.assertIn(f'dst.identity="{self.server.identity}"', line)
            self.assertIn(f"dst.addr={server}:15008", line)

    def test_no_plaintext_between_nodes(self):
        secret = b"a-sentence-that-must-not-cross-in-the-clear"
        for address in (self.server.v4, self.server.v6):
            with self.subTest(address=address):
                self.serve(self.server, traffic.echo, port=8091, v6=":" in address)
                with Capture(self.mesh.fabric.hub, f"p{self.server.number}") as wire:
                    s = self.connect(self.client, (address, 8091))
                    s.sendall(secret * 50)
                    self.assertEqual(traffic.receive_exactly(s, len(secret) * 50), secret * 50)
                    time.sleep(0.2)
                self.assertGreater(len(wire.packets), 4)
                self.assertFalse(wire.contains(secret), "plaintext on the wire")
                self.assertIn(15008, wire.tcp_ports())
                self.assertNotIn(8091, wire.tcp_ports())

    def test_same_node(self):
        self.serve(self.second, traffic.tell_peer)
        s = self.connect(self.client, (self.second.v4, 8080))
        self.assertEqual(traffic.receive_all(s).decode().strip(), self.client.v4)

    def test_own_address_is_left_alone(self):
        self.serve(self.client, traffic.tell_peer)
        s = self.connect(self.client, (self.client.v4, 8080))
        self.assertEqual(traffic.receive_all(s).decode().strip(), self.client.v4)

    def test_concurrent_connections_share_tunnels(self):
        server = self.serve(self.server, traffic.echo)
        made = [self.connect(self.second, (self.server.v4, 8080)) for _ in range(60)]
        for s in made:
            s.sendall(b"x")
            self.assertEqual(s.recv(1), b"x")
        seen = self.server.ns.run("ss", "-Htn", "state", "established", "sport", "=", ":15008").stdout
        tunnels = [x for x in seen.splitlines() if f"{self.second.v4}]" in x or f"{self.second.v4}:" in x]
        self.assertEqual(server.accepted, 60)
        self.assertGreaterEqual(len(tunnels), 1, seen)
        self.assertLessEqual(len(tunnels), 4, f"60 connections took {len(tunnels)} tunnels")


class Streams(MeshTest):
    def test_client_half_closes_first(self):
        self.serve(self.server, traffic.digest)
        s = self.connect(self.client, (self.server.v4, 8080))
        expected = traffic.send_blocks(s, 3 << 20)
        s.shutdown(socket.SHUT_WR)
        self.assertEqual(traffic.receive_all(s).decode(), expected)

    def test_server_half_closes_first(self):
        result = []

        def speak_then_listen(s, _):
            s.sendall(b"that was all from me")
            s.shutdown(socket.SHUT_WR)
            result.append(hashlib.sha256(traffic.receive_all(s)).hexdigest())
        self.serve(self.server, speak_then_listen)
        s = self.connect(self.client, (self.server.v4, 8080))
        self.assertEqual(traffic.receive_all(s), b"that was all from me")
        expected = traffic.send_blocks(s, 2 << 20)
        s.shutdown(socket.SHUT_WR)
        wait_for(lambda: result, "the server to see the end")
        self.assertEqual(result[0], expected)

    def test_server_first(self):
        def greet(s, _):
            s.sendall(b"220 ready\r\n")
            s.sendall(s.recv(100).upper())
        self.serve(self.server, greet)
        s = self.connect(self.client, (self.server.v4, 8080))
        self.assertEqual(traffic.receive_exactly(s, 11), b"220 ready\r\n")
        s.sendall(b"helo")
        self.assertEqual(traffic.receive_exactly(s, 4), b"HELO")

    def test_one_byte(self):
        self.serve(self.server, traffic.echo)
        s = self.connect(self.client, (self.server.v4, 8080))
        for i in range(300):
            s.sendall(bytes([i & 255]))
            self.assertEqual(s.recv(1), bytes([i & 255]))

    def test_no_byte_at_all(self):
        ended = threading.Event()

        def wait_end(s, _):
            if s.recv(1) == b"":
                ended.set()
        self.serve(self.server, wait_end)
        s = self.connect(self.client, (self.server.v4, 8080))
        s.shutdown(socket.SHUT_WR)
        self.assertEqual(traffic.receive_all(s), b"")
        self.assertTrue(ended.wait(5))

    def quiet_access_lines(self):
        """An application's reset is normal traffic: neither side's line may call it an error."""
        for node, direction in ((self.node_a, "outbound"), (self.node_b, "inbound")):
            line = wait_for(lambda n=node, d=direction: n.access(rf'direction="{d}"', "complete"),
                            f"the {direction} access line")[-1]
            self.assertNotIn("error=", line)

    def test_client_reset_reaches_server(self):
        seen = []
        self.serve(self.server, lambda s, _: seen.append(traffic.ending(s)))
        s = self.connect(self.client, (self.server.v4, 8080))
        s.sendall(b"x")
        time.sleep(0.1)
        traffic.reset(s)
        wait_for(lambda: seen, "the server to be told", 10)
        self.assertEqual(seen, ["reset"])
        self.quiet_access_lines()

    def test_a_client_that_dies_frees_a_server_that_writes(self):
        """A server that answers before it reads on, a client that sends and never reads: each waits
        for the other when the client is killed. Through a tunnel and past it."""
        for pod in (self.server, self.plain):
            with self.subTest(server=pod.name):
                freed = []

                def answer(s, _, freed=freed):
                    try:
                        traffic.echo(s, None)
                    except OSError:
                        pass
                    freed.append(True)
                self.serve(pod, answer)
                s = self.connect(self.client, (pod.v4, 8080))
                s.settimeout(1)
                with self.assertRaises(TimeoutError):
                    while True:
                        s.send(bytes(1 << 16))
                self.assertFalse(freed)
                s.close()  # what it has not read makes this a reset
                wait_for(lambda freed=freed: freed, "the server to be told", 10)

    def test_server_reset_reaches_client(self):
        """In the middle of an answer: what has come must not look whole."""
        def answer_and_reset(s, _):
            s.sendall(b"the first half of an ans")
            s.recv(10)
            traffic.reset(s)
        self.serve(self.server, answer_and_reset)
        s = self.connect(self.client, (self.server.v4, 8080))
        self.assertEqual(traffic.receive_exactly(s, 24), b"the first half of an ans")
        s.sendall(b"x")
        self.assertEqual(traffic.ending(s), "reset")
        self.quiet_access_lines()

    def large(self, source, handler_first):
        size = runner.OPTIONS.large << 30
        sums = {}

        def produce(s, _):
            sums["sent"] = traffic.send_blocks(s, size)
            s.shutdown(socket.SHUT_WR)
            traffic.receive_all(s)
        if handler_first:
            self.serve(self.server, produce)
        else:
            self.serve(self.server, traffic.digest)
        s = self.connect(source, (self.server.v4, 8080), timeout=120)
        if not handler_first:
            expected = traffic.send_blocks(s, size)
            s.shutdown(socket.SHUT_WR)
            self.assertEqual(traffic.receive_all(s).decode(), expected)
            return
        state, total = hashlib.sha256(), 0
        while data := s.recv(1 << 20):
            state.update(data)
            total += len(data)
        self.assertEqual(total, size)
        self.assertEqual(state.hexdigest(), wait_for(lambda: sums.get("sent"), "the sender's sum"))

    def test_large_upload(self):
        self.large(self.client, False)

    def test_large_download(self):
        self.large(self.client, True)

    def test_both_ways_at_once(self):
        self.serve(self.server, traffic.echo)
        s = self.connect(self.client, (self.server.v4, 8080), timeout=60)
        size, sums = 64 << 20, {}

        def send():
            sums["sent"] = traffic.send_blocks(s, size)
            s.shutdown(socket.SHUT_WR)
        sender = threading.Thread(target=send)
        sender.start()
        received = traffic.receive_all(s)
        sender.join()
        self.assertEqual(len(received), size)
        self.assertEqual(hashlib.sha256(received).hexdigest(), sums["sent"])

    def test_many_connections(self):
        count = runner.OPTIONS.connections
        echo = traffic.ManyEcho(self.server.ns, (self.server.v4, 9000))
        self.addCleanup(echo.close)
        made = traffic.open_many(self.client.ns, (self.server.v4, 9000), count)
        try:
            self.assertEqual(traffic.ask_all(made), count)
            self.assertEqual(traffic.ask_all(made, b"y"), count)
        finally:
            for s in made:
                s.close()
        wait_for(lambda: echo.open == 0, "every connection to end at the server", 30)


class Neighbours(MeshTest):
    def stall(self, release):
        """A connection whose server reads nothing until told; returns it with what it took."""
        def sleep(s, _):
            release.wait(60)
            traffic.receive_all(s)
        self.serve(self.server, sleep, port=8070)
        s = self.connect(self.client, (self.server.v4, 8070))
        s.setblocking(False)
        taken, quiet = 0, 0
        while quiet < 10 and taken < 256 << 20:
            try:
                taken += s.send(bytes(1 << 16))
                quiet = 0
            except BlockingIOError:
                quiet += 1
                time.sleep(0.05)
        self.assertLess(taken, 256 << 20, "nothing bounds what a stalled connection may hold")
        return s

    def test_stalled_reader_does_not_hold_neighbours(self):
        release = threading.Event()
        self.addCleanup(release.set)
        self.stall(release)
        self.serve(self.server, traffic.digest)
        s = self.connect(self.client, (self.server.v4, 8080))
        expected = traffic.send_blocks(s, 64 << 20)
        s.shutdown(socket.SHUT_WR)
        self.assertEqual(traffic.receive_all(s).decode(), expected)

    def test_stalled_client_does_not_hold_neighbours(self):
        def pour(s, _):
            with contextlib.suppress(OSError):
                while True:
                    s.sendall(bytes(1 << 16))
        self.serve(self.server, pour, port=8071)
        for _ in range(3):
            self.connect(self.client, (self.server.v4, 8071))
        time.sleep(1)
        self.serve(self.server, traffic.echo)
        s = self.connect(self.client, (self.server.v4, 8080))
        for _ in range(100):
            s.sendall(b"x" * 1000)
            self.assertEqual(len(traffic.receive_exactly(s, 1000)), 1000)

    def test_aborted_loaded_streams_give_their_credit_back(self):
        """Bytes dropped with a stream still count for the tunnel's window: without their credit
        the tunnel would hang after a few aborts."""
        started = threading.Semaphore(0)

        def never_read(s, _):
            started.release()
            s.recv(1)
            time.sleep(0.3)
        self.serve(self.server, never_read, port=8072)
        for _ in range(12):
            batch = [self.client.ns.connect((self.server.v4, 8072)) for _ in range(10)]
            for s in batch:
                s.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    for _ in range(64):
                        s.send(bytes(1 << 16))
            time.sleep(0.1)
            for s in batch:
                traffic.reset(s)
        self.serve(self.server, traffic.digest)
        s = self.connect(self.client, (self.server.v4, 8080), timeout=30)
        expected = traffic.send_blocks(s, 64 << 20)
        s.shutdown(socket.SHUT_WR)
        self.assertEqual(traffic.receive_all(s).decode(), expected)
