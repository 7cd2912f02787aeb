"""DNS messages by hand, and a resolver whose behaviour tests choose. Independent of the daemon's code
and of every library, so that bad messages can be made as well."""

import contextlib
import random
import socket
import struct
import threading

A, NS, CNAME, SOA, PTR, TXT, AAAA, SRV, OPT, ANY = 1, 2, 5, 6, 12, 16, 28, 33, 41, 255
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)


def encode_name(name):
    labels = [x.encode() for x in name.rstrip(".").split(".") if x]
    return b"".join(bytes([len(x)]) + x for x in labels) + b"\0"


def question(name, kind, klass=1):
    return encode_name(name) + struct.pack(">HH", kind, klass)


def query(name, kind, number=None, bufsize=None, flags=0x0100, klass=1):
    """A query; `bufsize` adds an OPT record."""
    number = random.randrange(65536) if number is None else number
    extra = b"\0" + struct.pack(">HHIH", OPT, bufsize, 0, 0) if bufsize else b""
    return (struct.pack(">6H", number, flags, 1, 0, 0, 1 if bufsize else 0)
            + question(name, kind, klass) + extra)


def record(kind, data, ttl=60, name=b"\xc0\x0c"):
    """By default the queried name's own: a pointer to the question."""
    return name + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def soa(name):
    return record(SOA, b"\0\0" + struct.pack(">5I", 1, 2, 3, 4, 5), 30, encode_name(name))


def reply(asked, answers=(), authority=(), additional=(), rcode=0, flags=0x8180):
    """An answer to the bytes of a query, which has nothing behind its question but OPT."""
    end = _skip_name(asked, 12) + 4
    return (asked[:2] + struct.pack(">5H", flags | rcode, 1, len(answers), len(authority),
                                    len(additional))
            + asked[12:end] + b"".join([*answers, *authority, *additional]))


def _skip_name(data, at):
    while data[at]:
        if data[at] >= 0xC0:
            return at + 2
        at += 1 + data[at]
    return at + 1


def read_name(data, at):
    labels, jumps = [], 0
    while data[at]:
        if data[at] >= 0xC0:
            at, jumps = (data[at] & 0x3F) << 8 | data[at + 1], jumps + 1
            if jumps > 50:
                raise ValueError("a name that loops")
            continue
        labels.append(data[at + 1:at + 1 + data[at]].decode("latin-1"))
        at += 1 + data[at]
    return ".".join(labels)


def asked_for(data):
    """The name in lower case, and the type."""
    end = _skip_name(data, 12)
    return read_name(data, 12).lower(), int.from_bytes(data[end:end + 2], "big")


class Answer:
    """What a message says, taken apart."""

    def __init__(self, data):
        self.data = data
        self.number, self.flags, *counts = struct.unpack(">6H", data[:12])
        self.rcode, self.truncated = self.flags & 15, bool(self.flags & 0x0200)
        self.authoritative, self.recursion = bool(self.flags & 0x0400), bool(self.flags & 0x0080)
        at = 12
        self.questions = []
        for _ in range(counts[0]):
            end = _skip_name(data, at)
            self.questions.append((read_name(data, at), *struct.unpack(">HH", data[end:end + 4])))
            at = end + 4
        self.sections = []
        for count in counts[1:]:
            section = []
            for _ in range(count):
                name, end = read_name(data, at), _skip_name(data, at)
                kind, klass, ttl, length = struct.unpack(">HHIH", data[end:end + 10])
                at = end + 10 + length
                section.append((name, kind, klass, ttl, self._value(kind, end + 10, length)))
            self.sections.append(section)
        if at != len(data):
            raise ValueError(f"{len(data) - at} bytes behind the message")
        self.answers, self.authority, self.additional = self.sections

    def _value(self, kind, at, length):
        raw = self.data[at:at + length]
        if kind == A:
            return socket.inet_ntop(socket.AF_INET, raw)
        if kind == AAAA:
            return socket.inet_ntop(socket.AF_INET6, raw)
        return read_name(self.data, at) if kind in (CNAME, PTR, NS) else raw

    def addresses(self):
        return sorted(x[4] for x in self.answers if x[1] in (A, AAAA))


class Asking:
    """A UDP socket of a namespace that asks one server."""

    def __init__(self, ns, server, timeout=8):
        self.s = ns.socket(socket.AF_INET6 if ":" in server[0] else socket.AF_INET, socket.SOCK_DGRAM)
        self.s.settimeout(timeout)
        self.s.connect(server)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.s.close()

    def raw(self, data):
        self.s.send(data)
        return self.s.recv(65536)

    def ask(self, name, kind=A, **more):
        return Answer(self.raw(query(name, kind, **more)))


def ask(ns, server, name, kind=A, timeout=8, **more):
    with Asking(ns, (server, 53), timeout) as asking:
        return asking.ask(name, kind, **more)


def over_tcp(s, *queries):
    """Asks on a connection, all at once, and takes as many answers."""
    s.sendall(b"".join(struct.pack(">H", len(q)) + q for q in queries))
    return [take(s) for _ in queries]


def take(s):
    length = struct.unpack(">H", _exactly(s, 2))[0]
    return _exactly(s, length)


def _exactly(s, size):
    data = b""
    while len(data) < size:
        more = s.recv(size - len(data))
        if not more:
            raise EOFError(f"{len(data)} of {size} bytes, then the end")
        data += more
    return data


class Resolver:
    """Answers on port 53 of a namespace's address, over UDP and TCP, each query in the way that
    `handler(query, tcp, say)` chooses: it returns the answer's bytes, or nothing for silence; `say`
    sends further datagrams. Remembers what it was asked."""

    def __init__(self, ns, address, handler):
        self.handler, self.asked, self.ended = handler, [], threading.Event()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.udp = ns.socket(family, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.udp.bind((address, 53))
        self.tcp = ns.listen((address, 53))
        for serve in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    def _serve_udp(self):
        with contextlib.suppress(OSError):
            while not self.ended.is_set():
                data, peer = self.udp.recvfrom(65536)
                if len(data) < 12:  # the socket is being closed
                    continue
                self.asked.append((read_name(data, 12).lower(), peer, data))
                answer = self.handler(data, False, lambda x, p=peer: self.udp.sendto(x, p))
                if answer:
                    self.udp.sendto(answer, peer)

    def _serve_tcp(self):
        with contextlib.suppress(OSError):
            while not self.ended.is_set():
                s, peer = self.tcp.accept()
                with s, contextlib.suppress(OSError, EOFError):
                    s.settimeout(5)
                    while True:
                        data = take(s)
                        self.asked.append((read_name(data, 12).lower(), peer, data))
                        answer = self.handler(data, True, None)
                        if answer:
                            s.sendall(struct.pack(">H", len(answer)) + answer)

    def times(self, name):
        return sum(x[0] == name for x in self.asked)

    def close(self):
        self.ended.set()
        for s in (self.udp, self.tcp):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()
