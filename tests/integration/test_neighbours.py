"""Connections that stall or are aborted beside others, which must not notice."""

import contextlib
import socket
import threading
import time

from harness import traffic
from standard import MeshTest


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
