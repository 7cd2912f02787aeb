"""An HBONE peer made of the distribution's python3-h2 and OpenSSL, which knows nothing of the mesh:
HTTP/2 with that library's default settings. Run by the distribution's Python.

  h2_peer.py serve ADDRESS PORT ROOT CERT KEY     echoes streams; prints the headers of each request
  h2_peer.py ask ADDRESS PORT ROOT CERT KEY AUTHORITY STREAMS BYTES
        opens that many CONNECT streams at once, sends that many bytes on each, ends it, and prints
        how many came back whole
"""

import hashlib
import json
import socket
import ssl
import struct
import sys
import threading

import h2.config
import h2.connection
import h2.events


def context(purpose, root, cert, key):
    tls = ssl.SSLContext(purpose)
    tls.check_hostname = False
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(root)
    tls.load_cert_chain(cert, key)
    tls.set_alpn_protocols(["h2"])
    return tls


class Peer:
    """One connection; what is to be sent waits for the windows."""

    def __init__(self, sock, client):
        self.sock, self.waiting, self.ending = sock, {}, set()
        # Its checks want a scheme and a path of every request, CONNECT included.
        self.http = h2.connection.H2Connection(config=h2.config.H2Configuration(
            client_side=client, header_encoding="utf-8", validate_inbound_headers=False,
            validate_outbound_headers=False))
        self.http.initiate_connection()

    def say(self, stream, data=b"", end=False):
        self.waiting[stream] = self.waiting.get(stream, b"") + data
        if end:
            self.ending.add(stream)

    def flush(self):
        for stream in list(self.waiting):
            data = self.waiting[stream]
            room = min(self.http.local_flow_control_window(stream), self.http.max_outbound_frame_size)
            while data and room > 0:
                self.http.send_data(stream, data[:room])
                data = data[room:]
                room = min(self.http.local_flow_control_window(stream), self.http.max_outbound_frame_size)
            self.waiting[stream] = data
            if not data:
                del self.waiting[stream]
                if stream in self.ending:
                    self.ending.discard(stream)
                    self.http.end_stream(stream)
        self.sock.sendall(self.http.data_to_send())

    def events(self):
        """Those of the next bytes; None at the end of the connection."""
        self.flush()
        data = self.sock.recv(1 << 16)
        return self.http.receive_data(data) if data else None

    def received(self, event):
        self.http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)


def echo(sock):
    peer = Peer(sock, client=False)
    while (events := peer.events()) is not None:
        for event in events:
            if isinstance(event, h2.events.RequestReceived):
                print(json.dumps(event.headers), flush=True)
                peer.http.send_headers(event.stream_id, [(":status", "200")])
            elif isinstance(event, h2.events.DataReceived):
                if event.data == b"goaway":
                    peer.flush()  # the library would take no more of its streams: by hand
                    sock.sendall(b"\0\0\x08\x07\0\0\0\0\0" + struct.pack(">II", event.stream_id, 0))
                peer.received(event)
                peer.say(event.stream_id, event.data)
            elif isinstance(event, h2.events.StreamEnded):
                peer.say(event.stream_id, end=True)


def serve(address, port, root, cert, key):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    tls = context(ssl.PROTOCOL_TLS_SERVER, root, cert, key)
    with socket.create_server((address, int(port)), family=family) as listener:
        print("listening", flush=True)
        while True:
            raw, _ = listener.accept()
            threading.Thread(target=lambda s: echo(tls.wrap_socket(s, server_side=True)), args=(raw,),
                             daemon=True).start()


def ask(address, port, root, cert, key, authority, streams, size):
    payload = bytes(range(251)) * (int(size) // 251 + 1)
    payload, good = payload[:int(size)], 0
    wanted = hashlib.sha256(payload).digest()
    with socket.create_connection((address, int(port)), 10) as raw:
        with context(ssl.PROTOCOL_TLS_CLIENT, root, cert, key).wrap_socket(raw) as sock:
            sock.settimeout(60)
            peer, got, open_streams = Peer(sock, client=True), {}, set()
            for _ in range(int(streams)):
                stream = peer.http.get_next_available_stream_id()
                peer.http.send_headers(stream, [(":method", "CONNECT"), (":authority", authority)])
                open_streams.add(stream)
            while open_streams and (events := peer.events()) is not None:
                for event in events:
                    if isinstance(event, h2.events.ResponseReceived):
                        status = dict(event.headers)[":status"]
                        if status == "200":
                            got[event.stream_id] = hashlib.sha256()
                            peer.say(event.stream_id, payload, end=True)
                        else:
                            print(f"status {status}", flush=True)
                    elif isinstance(event, h2.events.DataReceived):
                        peer.received(event)
                        got[event.stream_id].update(event.data)
                    elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                        good += event.stream_id in got and got[event.stream_id].digest() == wanted
                        open_streams.discard(event.stream_id)
            peer.http.close_connection()
            peer.flush()
    print(f"{good} whole")


if __name__ == "__main__":
    {"serve": serve, "ask": ask}[sys.argv[1]](*sys.argv[2:])
