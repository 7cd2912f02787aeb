"""A very small HTTP/2 client over mTLS, so that tests can say what a proper client never would.

It writes header fields as literals without indexing and reads only the status of a response.
"""

import contextlib
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


def tls_context(root, cert=None, key=None, alpn=("h2",), version=ssl.TLSVersion.TLSv1_3):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = context.maximum_version = version
    context.load_verify_locations(root)
    if cert:
        context.load_cert_chain(cert, key)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


class Client:
    """One connection. `settings` are pairs; `greet=False` leaves preface and SETTINGS to the test."""

    def __init__(self, ns, address, context, settings=(), greet=True, timeout=10):
        raw = ns.connect(address, timeout)
        try:
            self.tls = context.wrap_socket(raw)
        except BaseException:
            raw.close()
            raise
        self.tls.settimeout(timeout)
        self.timeout = timeout
        self.buffer, self.next_stream, self.goaway = b"", 1, None
        if greet:
            payload = b"".join(struct.pack(">HI", k, v) for k, v in settings)
            self.send(PREFACE + frame(SETTINGS, payload=payload))

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

    def wait_end(self):
        """Reads to the end of the connection; returns the GOAWAY code or None."""
        end = time.monotonic() + self.timeout
        try:
            while self.read_frame() is not None:
                if time.monotonic() > end:
                    return "still open"
        except TimeoutError:
            return "still open"
        return self.goaway


def plain(ns, address, data, timeout=10):
    """Sends bytes on a plain connection, half-closes, and returns what came back."""
    with ns.connect(address, timeout) as s:
        s.sendall(data)
        try:
            s.shutdown(socket.SHUT_WR)
            out = b""
            while chunk := s.recv(1 << 16):
                out += chunk
            return out
        except OSError:  # reset, even before the half-close
            return b""
