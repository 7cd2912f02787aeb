"""What peers with a good certificate send to make the server work or hold for nothing. The tunnel
or the stream ends with the documented code, one line says why, nothing leaks, other connections do
not notice."""

import struct
import threading
import time

from harness import h2, traffic
from harness.process import wait_for
from hostile import HostilePeer

PROTOCOL_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, REFUSED_STREAM = 1, 3, 6, 7
CANCEL, COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 8, 9, 11

FLOODING, IDLE = "Flooding was detected", "too many frames that move nothing"
OVERFLOW = struct.pack(">I", 0x7FFFFFFF)
GREETING = h2.PREFACE + h2.frame(h2.SETTINGS)


def header_block(stream, block):
    """A block in as many frames as it takes."""
    pieces = [block[i:i + 16000] for i in range(0, len(block), 16000)]
    return b"".join(h2.frame(h2.CONTINUATION if i else h2.HEADERS,
                             h2.END_HEADERS if i == len(pieces) - 1 else 0, stream, piece)
                    for i, piece in enumerate(pieces))


def many(frame):
    """So many that one record holds more than the server answers at a time, however it reads."""
    return [frame * 2000] * 100


class Tunnels(HostilePeer):
    """What ends the whole tunnel."""

    def ends(self, client, code, text):
        got, name = client.wait_end(), client.name
        client.close()
        self.assertEqual(got, code)
        self.check_reason(name, text)

    def resets(self, count):
        for stream in range(1, 2 * count, 2):
            yield (h2.frame(h2.HEADERS, h2.END_HEADERS, stream, h2.connect_headers(self.authority()))
                   + h2.frame(h2.RST_STREAM, 0, stream, struct.pack(">I", CANCEL)))

    def test_floods(self):
        request = h2.connect_headers(self.authority())
        fill = h2.literal("x-fill", "a" * 100)
        endless = [h2.frame(h2.HEADERS, 0, 1, request)] + [h2.frame(h2.CONTINUATION, 0, 1, fill) * 100] * 100
        for name, pieces, code, text in (
                ("SETTINGS", many(h2.frame(h2.SETTINGS, payload=struct.pack(">HI", 4, 65535))),
                 ENHANCE_YOUR_CALM, FLOODING),
                ("answers to SETTINGS", many(h2.frame(h2.SETTINGS, h2.ACK)),
                 PROTOCOL_ERROR, "unexpected ACK"),
                ("PING", many(h2.frame(h2.PING, payload=bytes(8))), ENHANCE_YOUR_CALM, FLOODING),
                ("answers to PING", many(h2.frame(h2.PING, h2.ACK, payload=bytes(8))),
                 ENHANCE_YOUR_CALM, IDLE),
                ("PRIORITY", many(h2.frame(h2.PRIORITY, 0, 1, bytes(5))), ENHANCE_YOUR_CALM, IDLE),
                ("WINDOW_UPDATE", many(h2.frame(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1))),
                 ENHANCE_YOUR_CALM, IDLE),
                ("CONTINUATION", endless, PROTOCOL_ERROR, "Too many CONTINUATION frames"),
                ("a header block of many frames", [header_block(1, request + fill * 2000)],
                 PROTOCOL_ERROR, "Too many CONTINUATION frames"),
                ("rapid reset", self.resets(20000), ENHANCE_YOUR_CALM, "too many requests reset at once")):
            with self.subTest(name):
                client = self.client_of(timeout=30)
                client.until((h2.SETTINGS,))  # an answer must not come between CONTINUATIONs
                client.pour(pieces)
                self.ends(client, code, text)

    def test_floods_beside_a_stream(self):
        """The application of the stream that is open must not take it for an orderly end."""
        for name, frame, text in (
                ("GOAWAY", lambda stream: h2.frame(h2.GOAWAY, payload=bytes(8)), IDLE),
                ("empty DATA", lambda stream: h2.frame(h2.DATA, 0, stream), "too many empty DATA frames")):
            with self.subTest(name):
                heard = []
                server = self.serve(self.server, lambda s, _, h=heard: h.append(traffic.ending(s)), 8072)
                client = self.client_of()
                stream, status, _ = client.connect(self.authority(8072))
                self.assertEqual(status, 200)
                client.pour(many(frame(stream)))
                self.ends(client, ENHANCE_YOUR_CALM, text)
                wait_for(lambda h=heard: h, "the application to hear the end")
                self.assertEqual(heard, ["reset"])
                server.close()

    def test_junk_inside_tls(self):
        for name, junk, code, text in (
                ("zeros", bytes(64), PROTOCOL_ERROR, "bad client magic"),
                ("HTTP/1.1", b"GET / HTTP/1.1\r\n\r\n", PROTOCOL_ERROR, "bad client magic"),
                ("junk behind the preface", h2.PREFACE + b"\xff" * 100, PROTOCOL_ERROR,
                 "SETTINGS expected"),
                ("a request before SETTINGS", h2.PREFACE + h2.frame(h2.HEADERS, h2.END_HEADERS, 1, b"\x82"),
                 PROTOCOL_ERROR, "SETTINGS expected"),
                ("no header compression", GREETING + h2.frame(h2.HEADERS, h2.END_HEADERS, 1, b"\xff" * 6),
                 COMPRESSION_ERROR, '^"COMPRESSION_ERROR"'),
                ("odd SETTINGS", h2.PREFACE + h2.frame(h2.SETTINGS, payload=b"12345"), FRAME_SIZE_ERROR,
                 '^"FRAME_SIZE_ERROR"'),
                ("DATA of no stream", GREETING + h2.frame(h2.DATA, 0, 0, b"x"), PROTOCOL_ERROR,
                 "DATA: stream_id == 0"),
                ("DATA of an idle stream", GREETING + h2.frame(h2.DATA, 0, 7, b"x"), PROTOCOL_ERROR,
                 "DATA: stream in idle"),
                ("an overflowing window", GREETING + h2.frame(h2.WINDOW_UPDATE, 0, 0, OVERFLOW) * 2,
                 FLOW_CONTROL_ERROR, '^"FLOW_CONTROL_ERROR"')):
            with self.subTest(name):
                client = self.client_of(greet=False)
                client.send(junk)
                self.ends(client, code, text)

    def test_peer_that_stops_reading(self):
        heard = []

        def pour(s, _):
            try:
                while True:
                    s.sendall(bytes(1 << 16))
            except OSError as error:
                heard.append(type(error))
        self.serve(self.server, pour, port=8074)
        memory = self.node_b.daemon.memory()["rss"]
        client = self.client_of()
        for _ in range(20):
            self.assertEqual(client.connect(self.authority(8074))[1], 200)
        client.send(h2.frame(h2.SETTINGS, payload=struct.pack(">HI", 4, 0x7FFF0000))
                    + h2.frame(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7FFF0000)))
        time.sleep(3)
        self.assertLess(self.node_b.daemon.memory()["rss"] - memory, 64 << 20)
        # Ten seconds of silence, and twenty for the answer to PING.
        self.check_reason(client.name, "the peer did not answer PING", seconds=45)
        wait_for(lambda: len(heard) == 20, "the applications to hear the end")
        self.assertEqual(set(heard), {ConnectionResetError})


class Streams(HostilePeer):
    """What ends one stream, and leaves the tunnel's others alone."""

    def setUp(self):
        super().setUp()
        self.peer = self.client_of()
        self.beside = self.peer.connect(self.authority())[0]

    def tearDown(self):
        self.peer.data(self.beside, b"still here")
        self.assertEqual(self.peer.read_data(self.beside, 10), b"still here")
        super().tearDown()

    def open_to(self, handler, port):
        self.serve(self.server, handler, port=port)
        stream, status, _ = self.peer.connect(self.authority(port))
        self.assertEqual(status, 200)
        return stream

    def test_window_of_a_stream_overflows(self):
        heard = []
        stream = self.open_to(lambda s, _: heard.append(traffic.ending(s)), 8072)
        self.peer.send(h2.frame(h2.WINDOW_UPDATE, 0, stream, OVERFLOW) * 2)
        self.assertEqual(self.peer.wait_reset(stream), FLOW_CONTROL_ERROR)
        wait_for(lambda: heard, "the application to hear the end")
        self.assertEqual(heard, ["reset"])
        self.check_reason(self.peer.name, "ended with FLOW_CONTROL_ERROR", kinds="connection complete")

    def test_more_data_than_the_window(self):
        done = threading.Event()
        self.addCleanup(done.set)
        stream = self.open_to(lambda s, _: done.wait(30), 8073)
        # 48 MB into a window of 4 MiB and the sockets' buffers.
        self.peer.pour(h2.frame(h2.DATA, 0, stream, bytes(16000)) for _ in range(3000))
        self.assertEqual(self.peer.wait_reset(stream), FLOW_CONTROL_ERROR)
        # What came before is the application's for as long as it wants to read it.
        done.set()

    def test_too_many_streams(self):
        """The server allows 200; one is open."""
        for _ in range(300):
            self.peer.open(self.authority())
        wait_for(lambda: self.peer.until((h2.RST_STREAM,)) and len(self.peer.resets) >= 101,
                 "the streams too many to be refused")
        self.assertEqual(set(self.peer.resets.values()), {REFUSED_STREAM})
        self.assertEqual(len(self.peer.resets), 101)

    def test_oversized_header_block(self):
        """More than the 64 KiB that the server allows, within what it takes the trouble to read."""
        fields = b"".join(h2.literal(f"x-{i}", "a" * 1000) for i in range(100))
        stream = self.peer.next_stream
        self.peer.next_stream += 2
        self.peer.send(header_block(stream, h2.connect_headers(self.authority()) + fields))
        got = self.peer.until((h2.HEADERS, h2.RST_STREAM), stream)
        self.assertEqual(h2.status_of(got[3]), 431)
