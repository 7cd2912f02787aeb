"""A very small HTTP/2 client and server over mTLS, so that tests can say what proper ones never would.

The client writes header fields as literals without indexing and reads only the status of a response.
"""

import contextlib
import select
import socket
import ssl
import struct
import time

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

_STATIC_STATUS = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
_HUFFMAN_DIGITS = {"00000": "0", "00001": "1", "00010": "2", "011001": "3", "011010": "4",
                   "011011": "5", "011100": "6", "011101": "7", "011110": "8", "011111": "9"}


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _integer(value, bits, first):
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([first | value])
    out, value = [first | limit], value - limit
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def literal(name, value):
    name, value = name.encode(), value.encode() if isinstance(value, str) else value
    return b"\x00" + _integer(len(name), 7, 0) + name + _integer(len(value), 7, 0) + value


def connect_headers(authority, extra=()):
    return literal(":method", "CONNECT") + literal(":authority", authority) + b"".join(
        literal(k, v) for k, v in extra)


def status_of(block):
    """The status of a response's header block: its first field."""
    i = 0
    while block[i] & 0xE0 == 0x20:  # dynamic table size update
        i += 1
    first = block[i]
    if first & 0x80:
        return _STATIC_STATUS.get(first & 0x7F)
    huffman, length = block[i + 1] & 0x80, block[i + 1] & 0x7F
    raw = block[i + 2:i + 2 + length]
    if not huffman:
        return int(raw)
    bits, out = "".join(f"{b:08b}" for b in raw), ""
    while len(out) < 3:
        code = next(c for c in _HUFFMAN_DIGITS if bits.startswith(c))
        out, bits = out + _HUFFMAN_DIGITS[code], bits[len(code):]
    return int(out)


def tls_context(root, cert=None, key=None, alpn=("h2",), version=ssl.TLSVersion.TLSv1_3, server=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = context.maximum_version = version
    context.load_verify_locations(root)
    if cert:
        context.load_cert_chain(cert, key)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


class Connection:
    """One connection, of either side; `tls` is its socket after the handshake."""

    def __init__(self, tls, timeout=10):
        self.tls = tls
        self.tls.settimeout(timeout)
        self.timeout = timeout
        self.buffer, self.goaway = b"", None
        self.resets = {}  # codes by stream

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.tls.close()

    def send(self, data):
        self.tls.sendall(data)

    def read_frame(self):
        """(kind, flags, stream, payload), or None at the end of the connection."""
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
            try:
                data = self.tls.recv(1 << 16)
            except (ssl.SSLError, ConnectionResetError, BrokenPipeError) as error:
                if isinstance(error, TimeoutError):
                    raise
                return None
            if not data:
                return None
            self.buffer += data
        length = int.from_bytes(self.buffer[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", self.buffer[3:9])
        payload, self.buffer = self.buffer[9:9 + length], self.buffer[9 + length:]
        with contextlib.suppress(OSError):  # what is left to read still counts
            if kind == SETTINGS and not flags & ACK:
                self.send(frame(SETTINGS, ACK))
            if kind == PING and not flags & ACK:
                self.send(frame(PING, ACK, 0, payload))
        if kind == GOAWAY:
            self.goaway = int.from_bytes(payload[4:8], "big")
        if kind == RST_STREAM:
            self.resets[stream & 0x7FFFFFFF] = int.from_bytes(payload, "big")
        return kind, flags, stream & 0x7FFFFFFF, payload

    def until(self, kinds, stream=None):
        """The next frame of these kinds (of that stream); None at the end of the connection."""
        end = time.monotonic() + self.timeout  # others keep coming: PINGs, window updates
        while (got := self.read_frame()) is not None:
            if time.monotonic() > end:
                raise TimeoutError(f"no frame of {kinds} in {self.timeout} s")
            if got[0] in kinds and (stream is None or got[2] == stream):
                return got
        return None

    def data(self, stream, payload=b"", end=False):
        self.send(frame(DATA, END_STREAM if end else 0, stream, payload))

    def read_data(self, stream, size):
        """At least `size` bytes of a stream, or what came before its end."""
        out = b""
        while len(out) < size:
            got = self.until((DATA, RST_STREAM), stream)
            if got is None or got[0] == RST_STREAM:
                break
            out += got[3]
            if got[1] & END_STREAM:
                break
        return out

    @property
    def name(self):
        """The own address as the other side's log spells it."""
        return "{}:{}".format(*self.tls.getsockname()[:2])

    def pour(self, pieces):
        """Sends pieces until they are out or the other side says GOAWAY or ends the connection."""
        with contextlib.suppress(OSError):  # also every TLS error: what came before still counts
            for piece in pieces:
                self.send(piece)
                while self.goaway is None and select.select([self.tls], [], [], 0)[0]:
                    if self.read_frame() is None:
                        return
                if self.goaway is not None:
                    return

    def wait_reset(self, stream):
        """The code with which the other side resets a stream, or has."""
        if stream not in self.resets:
            self.until((RST_STREAM, GOAWAY), stream)
        return self.resets.get(stream)

    def wait_end(self):
        """Reads to the end of the connection; returns the GOAWAY code or None. A connection that
        does not end is a TimeoutError."""
        until = time.monotonic() + self.timeout
        while self.read_frame() is not None:
            if time.monotonic() > until:
                raise TimeoutError(f"the connection has not ended after {self.timeout} s")
        return self.goaway


class Client(Connection):
    """`settings` are pairs; `greet=False` leaves preface and SETTINGS to the test."""

    def __init__(self, ns, address, context, settings=(), greet=True, timeout=10):
        raw = ns.connect(address, timeout)
        try:
            super().__init__(context.wrap_socket(raw), timeout)
        except BaseException:
            raw.close()
            raise
        self.next_stream = 1
        if greet:
            payload = b"".join(struct.pack(">HI", k, v) for k, v in settings)
            self.send(PREFACE + frame(SETTINGS, payload=payload))

    def open(self, authority, extra=(), flags=END_HEADERS, block=None):
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        self.send(frame(HEADERS, flags, stream, block or connect_headers(authority, extra)))
        return stream

    def connect(self, authority, extra=()):
        """(stream, status, whether the response ends the stream); status 0 is a reset."""
        stream = self.open(authority, extra)
        got = self.until((HEADERS, RST_STREAM), stream)
        if got is None:
            raise ConnectionError(f"connection ended, GOAWAY {self.goaway}")
        if got[0] == RST_STREAM:
            return stream, 0, True
        return stream, status_of(got[3]), bool(got[1] & END_STREAM)


class Served(Connection):
    """A server's side, of an accepted socket. Lets every CONNECT be answered by the test."""

    def __init__(self, accepted, context, timeout=10):
        super().__init__(context.wrap_socket(accepted, server_side=True), timeout)
        while len(self.buffer) < len(PREFACE):
            self.buffer += self.tls.recv(1 << 16)
        if not self.buffer.startswith(PREFACE):
            raise ConnectionError(f"no preface of HTTP/2: {self.buffer[:24]!r}")
        self.buffer = self.buffer[len(PREFACE):]
        self.send(frame(SETTINGS))

    def request(self):
        """The stream of the next request; None at the end of the connection."""
        got = self.until((HEADERS,))
        return got and got[2]

    def accept(self, stream):
        self.send(frame(HEADERS, END_HEADERS, stream, b"\x88"))  # :status 200

    def reset(self, stream, code):
        self.send(frame(RST_STREAM, 0, stream, struct.pack(">I", code)))

    def go_away(self, last, code=0):
        self.send(frame(GOAWAY, 0, 0, struct.pack(">II", last, code)))


class Plain:
    """What a server of TLS makes of bytes that are no ClientHello."""

    def __init__(self, ns, address, data, half_close=False, timeout=10):
        """Sends and reads to the end. A connection that does not end is a TimeoutError."""
        self.answer = b""
        with ns.connect(address, timeout) as s:
            self.name = "{}:{}".format(*s.getsockname()[:2])
            with contextlib.suppress(ConnectionError):  # the end can come at once
                s.sendall(data)
                if half_close:
                    s.shutdown(socket.SHUT_WR)
                while chunk := s.recv(1 << 16):
                    self.answer += chunk

    @property
    def alert(self):
        """The number of the alert that came in the clear; None without one (RFC 8446 section 6)."""
        return self.answer[6] if self.answer[:1] == b"\x15" and len(self.answer) >= 7 else None
