"""The bytes of a connection: all of them arrive, in both directions, and so does how it ended."""

import hashlib
import socket
import threading
import time

from harness import runner, traffic
from harness.process import wait_for
from standard import MeshTest


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
