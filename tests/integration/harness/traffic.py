"""Servers and clients of the tests: plain TCP programs that know nothing of the mesh."""

import contextlib
import hashlib
import multiprocessing
import random
import resource
import selectors
import socket
import struct
import threading
import time

from .process import die_with_parent


def raise_fd_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Server:
    """Accepts on an address of a namespace; each connection runs handler(socket, peer address) in
    a thread of its own. `peers` lists who came."""

    def __init__(self, ns, address, handler):
        self.listener = ns.listen(address)
        self.handler, self.peers = handler, []
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                s, peer = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            self.peers.append(peer[0])
            threading.Thread(target=self._serve, args=(s, peer), daemon=True).start()

    def _serve(self, s, peer):
        with contextlib.suppress(OSError), s:
            s.settimeout(120)
            self.handler(s, peer)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def echo(s, _peer):
    """Sends back what comes, then half-closes."""
    while data := s.recv(1 << 18):
        s.sendall(data)
    s.shutdown(socket.SHUT_WR)


def tell_peer(s, peer):
    """Says who the client is, before it has said anything."""
    s.sendall(f"{peer[0]}\n".encode())


def digest(s, _peer):
    """Answers with the SHA-256 of everything up to the end of the client's stream."""
    state = hashlib.sha256()
    while data := s.recv(1 << 18):
        state.update(data)
    s.sendall(state.hexdigest().encode())


def named(name):
    """A handler that says a name and echoes."""
    def handler(s, peer):
        s.sendall(name.encode() + b"\n")
        echo(s, peer)
    return handler


def blocks(size, seed=1):
    """`size` bytes that no compressor or swapped block can fake, in pieces."""
    piece = random.Random(seed).randbytes(1 << 20)
    sent = 0
    while sent < size:
        n = min(len(piece), size - sent)
        # Each piece starts with its offset, so that a swap changes the checksum's input.
        yield sent.to_bytes(8, "big")[:n] + piece[8:n] if n > 8 else piece[:n]
        sent += n


def send_blocks(s, size, seed=1):
    """Sends them and returns their SHA-256."""
    state = hashlib.sha256()
    for piece in blocks(size, seed):
        state.update(piece)
        s.sendall(piece)
    return state.hexdigest()


def receive_all(s):
    data = bytearray()
    while chunk := s.recv(1 << 18):
        data += chunk
    return bytes(data)


def receive_exactly(s, size):
    data = bytearray()
    while len(data) < size:
        chunk = s.recv(size - len(data))
        if not chunk:
            raise EOFError(f"end after {len(data)} of {size} bytes")
        data += chunk
    return bytes(data)


def closed_by_other_side(s, seconds=10):
    """Whether the connection ends (end of stream or reset) without a byte of data."""
    s.settimeout(seconds)
    try:
        return s.recv(1) == b""
    except (ConnectionResetError, BrokenPipeError):
        return True
    except TimeoutError:
        return False


def reset(s):
    """Closes with a RST."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def ending(s, seconds=10):
    """How a connection ends, behind whatever data still comes: "end" (FIN), "reset" (RST), or
    "open" when it has not after the time."""
    until = time.monotonic() + seconds
    try:
        while (left := until - time.monotonic()) > 0:
            s.settimeout(left)
            if not s.recv(1 << 18):
                return "end"
    except ConnectionResetError:
        return "reset"
    except TimeoutError:
        pass
    return "open"


class ManyEcho:
    """An echo server for thousands of connections: one selector, in a process of its own, which
    has its own limit of descriptors."""

    def __init__(self, ns, address):
        listener = ns.listen(address, 16384)
        fork = multiprocessing.get_context("fork")
        self._open = fork.Value("i", 0)
        self.process = fork.Process(target=_echo_many, args=(listener, self._open), daemon=True)
        self.process.start()
        listener.close()

    @property
    def open(self):
        return self._open.value

    def close(self):
        self.process.kill()
        self.process.join()


def _echo_many(listener, count):
    die_with_parent()
    listener.setblocking(False)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            s = key.fileobj
            if s is listener:
                with contextlib.suppress(BlockingIOError):
                    while True:
                        made, _ = listener.accept()
                        made.setblocking(False)
                        selector.register(made, selectors.EVENT_READ)
                        count.value += 1
            elif not _echo_once(s):
                selector.unregister(s)
                s.close()
                count.value -= 1


def _echo_once(s):
    try:
        data = s.recv(4096)
        if data:
            s.send(data)
        return bool(data)
    except BlockingIOError:
        return True
    except OSError:
        return False


def open_many(ns, address, count, window=256):
    """`count` connected non-blocking sockets, at most `window` still connecting at a time."""
    made, waiting = [], selectors.DefaultSelector()
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    pending = 0

    def settle(seconds):
        nonlocal pending
        events = waiting.select(seconds)
        if not events:
            raise TimeoutError(f"{pending} of {len(made)} connections stay unconnected")
        for key, _ in events:
            error = key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, "connect")
            waiting.unregister(key.fileobj)
            pending -= 1

    with ns.inside():
        for _ in range(count):
            s = socket.socket(family)
            s.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                s.connect(address)
            made.append(s)
            waiting.register(s, selectors.EVENT_WRITE)
            pending += 1
            while pending >= window:
                settle(30)
        while pending:
            settle(30)
    return made


def ask_all(sockets, message=b"x", seconds=60):
    """Sends one message on every socket and counts the echoes that come back in time."""
    waiting = selectors.DefaultSelector()
    for s in sockets:
        s.send(message)
        waiting.register(s, selectors.EVENT_READ)
    answered = 0
    while waiting.get_map():
        events = waiting.select(seconds)
        if not events:
            break
        for key, _ in events:
            with contextlib.suppress(OSError):
                answered += key.fileobj.recv(64) == message
            waiting.unregister(key.fileobj)
    return answered
