"""Looks at what crosses the wire: every packet at one interface, in memory."""

import socket
import threading
import time

ETH_P_ALL = 3


class Capture:
    """While the block runs, collects the packets at an interface of a namespace (64 MB at most)."""

    LIMIT = 64 << 20

    def __init__(self, ns, interface):
        with ns.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.socket.bind((interface, 0))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.settimeout(0.1)
        self.packets, self.size, self.end = [], 0, None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        """After the block, what has come already is still read: until nothing comes, or a second."""
        while self.end is None or time.monotonic() < self.end:
            try:
                packet = self.socket.recv(1 << 16)
            except TimeoutError:
                if self.end is not None:
                    return
                continue
            if self.size < self.LIMIT:
                self.packets.append(packet)
                self.size += len(packet)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end = time.monotonic() + 1
        self.thread.join()
        self.socket.close()

    def contains(self, text):
        return any(text in packet for packet in self.packets)

    def tcp_ports(self):
        """The destination ports of the TCP packets seen, IPv4 and IPv6 without options."""
        ports = set()
        for p in self.packets:
            if p[12:14] == b"\x08\x00" and p[23] == 6:
                start = 14 + (p[14] & 15) * 4
            elif p[12:14] == b"\x86\xdd" and p[20] == 6:
                start = 54
            else:
                continue
            ports.add(int.from_bytes(p[start + 2:start + 4], "big"))
        return ports
