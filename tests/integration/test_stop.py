"""How a daemon ends: when its connections have, at its deadline, or at once, and though nobody reads
its log."""

import contextlib
import os
import signal
import time

from harness import traffic
from harness.node import ADMIN
from harness.process import wait_for
from own_mesh import OwnMesh


class Drain(OwnMesh):
    def test_deadline_cuts_and_exit_is_clean(self):
        s = self.open()
        begin = time.monotonic()
        self.node_b.daemon.signal(signal.SIGTERM)
        wait_for(lambda: self.refused(), "new connections to be refused", 3)
        self.check(s)
        self.assertEqual(self.node_b.daemon.wait(15), 0)
        took = time.monotonic() - begin
        self.assertGreater(took, 2.5)
        self.assertLess(took, 6)
        self.assertEqual(traffic.ending(s), "reset")
        self.assertTrue(self.node_b.daemon.lines("access", "drain"))

    def refused(self):
        try:
            with self.server.ns.connect((self.server.v4, 15008), 2):
                return False
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:
            return False  # the listener closed at this very moment

    def test_early_finish(self):
        s = self.open()
        for node in (self.node_a, self.node_b):
            node.daemon.signal(signal.SIGTERM)
        time.sleep(0.5)
        s.close()
        begin = time.monotonic()
        for node in (self.node_a, self.node_b):
            self.assertEqual(node.daemon.wait(10), 0)
        self.assertLess(time.monotonic() - begin, 2)

    def test_idle_daemon_stops_at_once(self):
        self.works()
        begin = time.monotonic()
        self.node_a.daemon.signal(signal.SIGTERM)
        self.assertEqual(self.node_a.daemon.wait(10), 0)
        self.assertLess(time.monotonic() - begin, 2.5)

    def test_quitquitquit(self):
        self.assertEqual(self.node_a.http(ADMIN, "/quitquitquit", method="POST"),
                         (200, "shutdown now\n"))
        self.assertEqual(self.node_a.daemon.wait(10), 0)

    def test_dump_under_way_is_finished(self):
        """A reader that has the head of a large dump when the daemon ends gets all of it."""
        self.mesh.padding = [{"name": f"padding-{i}", "namespace": "demo", "workloadIps": [],
                              "services": {}, "uid": f"padding-{i}", "workloadName": "x" * 4000}
                             for i in range(2500)]
        self.mesh.write_config()
        wait_for(lambda: self.node_a.metric("istio_xds_message_bytes_total") > 10_000_000,
                 "the padding to arrive", 60)
        s = self.node_a.ns.connect(("127.0.0.1", ADMIN), 20)
        self.addCleanup(s.close)
        s.sendall(b"GET /config_dump HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        data = s.recv(1 << 16)
        self.node_a.daemon.signal(signal.SIGTERM)
        self.node_a.daemon.wait_line("drained")
        time.sleep(0.2)
        data += traffic.receive_all(s)
        self.assertEqual(self.node_a.daemon.wait(10), 0)
        head, _, body = data.partition(b"\r\n\r\n")
        self.assertGreater(len(body), 10_000_000)
        self.assertIn(f"content-length: {len(body)}\r\n".encode(), head.lower() + b"\r\n")

    def test_second_interrupt_ends_at_once(self):
        self.open()
        self.node_a.daemon.signal(signal.SIGINT)
        time.sleep(0.3)
        begin = time.monotonic()
        self.node_a.daemon.signal(signal.SIGINT)
        self.node_a.daemon.wait(10)
        self.assertLess(time.monotonic() - begin, 1.5)


class StalledLogReader(OwnMesh):
    """What reads the daemon's output has stopped: the pipe is full from the start."""

    def prepare(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while os.write(writer, bytes(4096)):
                pass
        os.set_blocking(writer, True)
        self.pipe = writer

    def restart(self):
        self.node_a.daemon.stop()
        self.node_a.start_daemon(output=self.pipe)
        self.works()

    def test_stalled_log_reader_does_not_hold_up_the_end(self):
        self.restart()
        begin = time.monotonic()
        self.node_a.daemon.signal(signal.SIGTERM)
        self.assertEqual(self.node_a.daemon.wait(10), 0)
        self.assertLess(time.monotonic() - begin, 4)

    def test_stalled_log_reader_and_second_interrupt(self):
        self.restart()
        self.open()
        self.node_a.daemon.signal(signal.SIGINT)
        time.sleep(0.3)
        begin = time.monotonic()
        self.node_a.daemon.signal(signal.SIGINT)
        self.node_a.daemon.wait(10)
        self.assertLess(time.monotonic() - begin, 1.5)
