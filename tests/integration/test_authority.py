"""The control plane against callers that mean it no good."""

import struct
import time
import unittest

from harness import h2, runner
from harness.mesh import CONTROL, Mesh
from harness.process import GIVES_BACK

DELTA = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
ADDRESS = b"type.googleapis.com/istio.workload.Address"
METHOD = "/istio.v1.auth.IstioCertificateService/CreateCertificate"
MEGABYTE = 1 << 20
HALF = 30 * MEGABYTE  # the largest request that is taken has 32
RESPONSE = (h2.HEADERS, h2.RST_STREAM)


def call(method, token=None):
    """The header block of a gRPC call."""
    fields = [(":method", "POST"), (":scheme", "https"), (":path", method),
              (":authority", "control"), ("content-type", "application/grpc"), ("te", "trailers")]
    if token:
        fields.append(("authorization", f"Bearer {token}"))
    return b"".join(h2.literal(*x) for x in fields)


class HalfSent:
    """One connection with calls that announce a large request and never complete it."""

    def __init__(self, ns, address, root, calls, token=None):
        self.client = h2.Client(ns, address, h2.tls_context(root), timeout=2)
        self.window, self.initial, self.sent = 65535, 65535, 0
        self.streams, self.left = {}, {}  # what each may and wants to send
        block = call(METHOD, token)
        for _ in range(calls):
            stream = self.client.open("", block=block)
            self.streams[stream], self.left[stream] = self.initial, HALF
            self._send(stream, struct.pack(">BI", 0, HALF + MEGABYTE))

    def _send(self, stream, data):
        self.client.data(stream, data)
        self.streams[stream] -= len(data)
        self.left[stream] -= len(data)
        self.window -= len(data)
        self.sent += len(data)

    def _send_what_may_be_sent(self):
        for stream in list(self.streams):
            while (room := min(self.streams[stream], self.left[stream], self.window, 16384)) > 0:
                self._send(stream, bytes(room))

    def _read(self):
        """False when nothing more comes."""
        got = self.client.read_frame()
        if got is None:
            return False
        kind, flags, stream, payload = got
        if kind == h2.SETTINGS and not flags & h2.ACK:
            for key, value in struct.iter_unpack(">HI", payload):
                if key == 4:
                    for each in self.streams:
                        self.streams[each] += value - self.initial
                    self.initial = value
        elif kind == h2.WINDOW_UPDATE:
            room = struct.unpack(">I", payload)[0]
            if stream == 0:
                self.window += room
            elif stream in self.streams:
                self.streams[stream] += room
        elif kind in RESPONSE:
            self.streams.pop(stream, None)
        return True

    def push(self):
        """Sends as much as is taken."""
        try:
            while any(self.left[stream] > 0 for stream in self.streams):
                self._send_what_may_be_sent()
                if not self._read():
                    break
        except (TimeoutError, OSError):
            pass


class Ending(unittest.TestCase):
    def test_a_node_that_does_not_read_delays_no_end(self):
        """Its response of 20 MB fills every buffer on the way."""
        mesh = Mesh(runner.OPTIONS.bin, runner.OPTIONS.logs, self._testMethodName)
        self.addCleanup(mesh.close)
        mesh.padding = [{"name": f"padding-{i}", "namespace": "demo", "workloadIps": [],
                         "services": {}, "uid": f"padding-{i}", "workloadName": "x" * 4000}
                        for i in range(5000)]
        mesh.start_control()
        window = (1 << 31) - 1
        client = h2.Client(mesh.control_ns, (mesh.fabric.v4(CONTROL), 15012),
                           h2.tls_context(mesh.state("root-cert.pem")), settings=[(4, window)])
        self.addCleanup(client.close)
        client.send(h2.frame(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", window - 65535)))
        stream = client.open("", block=call(DELTA, mesh.nodes[0].token))
        request = b"\x0a\x08\x0a\x06node-a\x12" + bytes([len(ADDRESS)]) + ADDRESS
        client.data(stream, struct.pack(">BI", 0, len(request)) + request)
        mesh.control.wait_line("stream opened", "node-a")
        time.sleep(1)
        begin = time.monotonic()
        self.assertEqual(mesh.control.stop(20), 0)
        self.assertLess(time.monotonic() - begin, 5)


class Callers(unittest.TestCase):
    def setUp(self):
        self.mesh = Mesh(runner.OPTIONS.bin, runner.OPTIONS.logs, self._testMethodName)
        self.addCleanup(self.mesh.close)
        self.mesh.prefix["control"] = GIVES_BACK
        self.mesh.start_control()

    def memory_with(self, connections, calls, token=None):
        """Memory of the control plane, in MB, once every connection has sent what it may."""
        address = (self.mesh.fabric.v4(CONTROL), 15012)
        half = [HalfSent(self.mesh.control_ns, address, self.mesh.state("root-cert.pem"), calls, token)
                for _ in range(connections)]
        for one in half:
            self.addCleanup(one.client.close)
            one.push()
        self.assertTrue(self.mesh.control.running())
        return self.mesh.control.memory()["rss"] // MEGABYTE

    def test_strangers_cannot_fill_the_memory(self):
        self.assertLess(self.memory_with(connections=10, calls=20), 100)

    def test_half_sent_requests_are_bounded(self):
        token = self.mesh.nodes[0].token
        self.assertLess(self.memory_with(connections=10, calls=20, token=token), 600)
