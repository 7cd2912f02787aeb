"""Peers that refuse a stream without having looked at it: the connection goes through another one
(RFC 9113 section 8.7), and the client notices nothing."""

import struct
import threading

from harness import certificates, traffic
from harness.h2 import PING, SETTINGS, Served, frame, tls_context
from harness.process import wait_for
from own_mesh import OwnMesh

REFUSED_STREAM = 7
CANCEL = 8
MAX_CONCURRENT_STREAMS = 3  # a setting


class RefusedStreams(OwnMesh):
    def prepare(self):
        self.peer = self.mesh.pod("peer", 1, enrolled=False, protocol="HBONE")
        self.requests = []  # (number of the connection, stream)
        self.tunnels = self.closed = 0

    def serve(self, decide):
        """An HBONE server that asks decide(peer, stream, number of the request) whether to accept."""
        issuer = certificates.of_mesh(self.mesh)
        context = tls_context(issuer.cert, *issuer.issue("peer", self.peer.identity), server=True)
        lock = threading.Lock()

        def serve_one(s, _):
            with lock:
                self.tunnels += 1
                tunnel = self.tunnels
            with Served(s, context, 60) as peer:
                while stream := peer.request():
                    with lock:
                        self.requests.append((tunnel, stream))
                        number = len(self.requests)
                    if decide(peer, stream, number):
                        peer.accept(stream)
                        peer.data(stream, b"served")
            with lock:
                self.closed += 1
        server = traffic.Server(self.peer.ns, (self.peer.v4, 15008), serve_one)
        self.addCleanup(server.close)

    def connect(self):
        s = self.client.ns.connect((self.peer.v4, 8080), 10)
        self.addCleanup(s.close)
        s.settimeout(10)
        return s

    def lines(self):
        return self.node_a.daemon.lines("access", f'dst.addr={self.peer.v4}:15008')

    def test_a_refused_stream_is_asked_for_again(self):
        def refuse_first(peer, stream, number):
            if number == 1:
                peer.reset(stream, REFUSED_STREAM)
            return number > 1
        self.serve(refuse_first)
        self.assertEqual(traffic.receive_exactly(self.connect(), 6), b"served")
        self.assertEqual(self.requests, [(1, 1), (2, 1)])
        self.assertEqual([x for x in self.lines() if "error=" in x], [])
        self.assertEqual(self.node_a.metric("istio_tcp_connections_opened_total", reporter="source"), 1)

    def test_a_stream_that_a_goaway_left_out_takes_another_tunnel(self):
        def leave_first(peer, _, number):
            if number == 1:
                peer.go_away(0)
            return number > 1
        self.serve(leave_first)
        self.assertEqual(traffic.receive_exactly(self.connect(), 6), b"served")
        self.assertEqual(self.requests, [(1, 1), (2, 1)])

    def test_a_peer_that_allows_no_stream_gets_one_tunnel(self):
        """It never answers: each further connection would be one more tunnel, a minute long."""
        told, release = threading.Event(), threading.Event()
        self.addCleanup(release.set)

        def allow_none(peer, stream, _):
            peer.send(frame(SETTINGS, payload=struct.pack(">HI", MAX_CONCURRENT_STREAMS, 0))
                      + frame(PING, payload=b"it knows"))
            peer.until((PING,))
            told.set()
            release.wait(30)
            peer.reset(stream, CANCEL)
            return False
        self.serve(allow_none)
        waiting = self.connect()
        self.assertTrue(told.wait(10))
        self.assertEqual(traffic.ending(self.connect()), "reset")
        self.assertEqual(traffic.ending(self.connect()), "reset")
        wait_for(lambda: len(self.lines_of("lets nobody open a stream")) == 2, "its reason in the log")
        self.assertEqual(self.tunnels, 1)
        release.set()
        wait_for(lambda: self.closed == 1, "the tunnel to be given up")
        self.assertNotEqual(traffic.ending(waiting), None)
        self.works()

    def lines_of(self, text):
        return self.node_a.daemon.lines("access", text)

    def test_a_peer_that_refuses_everything_is_named(self):
        def refuse(peer, stream, _):
            peer.reset(stream, REFUSED_STREAM)
            return False
        self.serve(refuse)
        self.assertEqual(traffic.ending(self.connect()), "reset")
        wait_for(self.lines, "the access log line")
        self.assertIn("the tunnel stream ended with REFUSED_STREAM", self.lines()[0])
        self.assertEqual(self.requests, [(1, 1), (2, 1)])
        wait_for(lambda: self.closed == 2, "both tunnels to be given up")
        self.works()  # others do not notice
