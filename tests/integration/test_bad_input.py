"""What peers send that no proper peer would, up to the request. The connection ends with the
documented alert or status, one line says why, nothing leaks, other connections do not notice."""

import contextlib
import socket
import ssl

from harness import certificates, h2, traffic
from harness.process import wait_for
from hostile import HostilePeer
from standard import MeshTest

RECORD_OVERFLOW = 22  # an alert
ERROR = "connection failed|connection complete"


class BeforeTls(HostilePeer):
    def test_junk(self):
        """OpenSSL answers with an alert only once it has seen something like TLS."""
        wrong, gone = "wrong version number", "the peer closed the connection during the TLS handshake"
        for name, data, half_close, alert, text in (
                ("zeros", bytes(100), False, None, wrong),
                ("text", b"hello\r\n\r\n", False, None, wrong),
                ("every byte", bytes(range(256)) * 40, False, None, wrong),
                ("HTTP/1.1", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", False, None, "http request"),
                ("HTTP/2 in the clear", h2.PREFACE + h2.frame(h2.SETTINGS), False, None, wrong),
                ("oversized record", b"\x16\x03\x01\xff\xff" + bytes(1000), False, RECORD_OVERFLOW,
                 "(packet|data) length too long"),  # OpenSSL 3.0, 3.5
                ("half a record", b"\x16\x03\x01\x02\x00\x01\x00\x01", True, None, gone),
                ("nothing", b"", True, None, gone)):
            with self.subTest(name):
                got = h2.Plain(self.plain.ns, self.target, data, half_close)
                self.assertEqual(got.alert, alert, got.answer)
                if alert is None:
                    self.assertEqual(got.answer, b"")
                self.check_reason(got.name, text)

    def test_silence_is_cut_off(self):
        with self.plain.ns.connect(self.target, 60) as s:
            name = "{}:{}".format(*s.getsockname())
            self.assertEqual(traffic.ending(s, 20), "end", "no handshake deadline")
        self.check_reason(name, "TLS handshake timed out")

    def test_open_and_close(self):
        for _ in range(200):
            with contextlib.suppress(ConnectionResetError):  # too many handshakes of one source
                self.plain.ns.connect(self.target).close()


class Handshake(HostilePeer):
    def refused(self, context):
        """(the alert in OpenSSL's words, the own address) of a handshake that the server ends. With
        TLS 1.3 the client is done before its certificate has been looked at."""
        raw = self.plain.ns.connect(self.target)
        name = "{}:{}".format(*raw.getsockname())
        try:
            with context.wrap_socket(raw) as s:
                self.fail(f"the server accepted it and sent {s.recv(100)!r}")
        except ssl.SSLError as error:
            return str(error).lower(), name
        finally:
            raw.close()

    def test_certificates(self):
        client, issue = "spiffe://cluster.local/ns/demo/sa/client", self.issuer.issue
        foreign = certificates.Issuer(self.mesh.dir + "/another").issue("foreign", client)
        domain = "are not of trust domain cluster.local"
        for name, pair, alert, text in (
                ("none", (), "certificate.required", "did not return a certificate"),
                ("of another root", foreign, "unknown.ca", "unable to get local issuer"),
                ("expired", issue("expired", client, expired=True), "certificate.expired",
                 "certificate has expired"),
                ("of a foreign domain", issue("elsewhere", "spiffe://elsewhere.example/ns/demo/sa/client"),
                 "handshake.failure", domain),
                ("without a name", issue("nameless"), "handshake.failure", domain),
                ("for servers only", issue("server-only", client, usage="serverAuth"),
                 "unsupported.certificate", "unsuitable certificate purpose")):
            with self.subTest(name):
                got, address = self.refused(self.context(pair))
                self.assertRegex(got, alert)
                self.check_reason(address, text)

    def test_tls12_only(self):
        got, address = self.refused(self.context(version=ssl.TLSVersion.TLSv1_2))
        self.assertRegex(got, "protocol.version")
        self.check_reason(address, "unsupported protocol")

    def test_other_alpn(self):
        got, address = self.refused(self.context(alpn=("http/1.1",)))
        self.assertRegex(got, "no.application.protocol")
        self.check_reason(address, "no application protocol")

    def test_no_alpn_is_accepted(self):
        with h2.Client(self.plain.ns, self.target, self.context(alpn=())) as client:
            self.assertEqual(client.connect(self.authority())[1], 200)

    def test_server_presents_the_pod(self):
        client = self.client_of()
        pem = ssl.DER_cert_to_PEM_cert(client.tls.getpeercert(binary_form=True))
        text = certificates.openssl("x509", "-noout", "-ext", "subjectAltName", stdin=pem)
        self.assertIn(self.server.identity, text)
        self.assertEqual(client.tls.cipher()[0], "TLS_AES_256_GCM_SHA384")


class Requests(HostilePeer):
    def test_proper_client_is_served(self):
        client = self.client_of()
        stream, status, ended = client.connect(self.authority())
        self.assertEqual((status, ended), (200, False))
        client.data(stream, b"hello")
        self.assertEqual(client.read_data(stream, 5), b"hello")
        client.data(stream, end=True)
        self.assertEqual(client.read_data(stream, 1), b"")
        line = wait_for(lambda: self.node_b.access("sa/foreigner"), "the access line")[-1]
        self.assertIn('src.identity="spiffe://cluster.local/ns/demo/sa/foreigner"', line)

    def test_statuses(self):
        """Refused as documented; a connection of its own for each, whose one line says why."""
        internal = "is one of the proxy's own"
        for authority, status, text in (
                (self.authority(4444), 503, "connect .*:4444: connect: Connection refused"),
                (f"{self.client.v4}:8080", 400, f"ip mismatch: {self.client.v4} != {self.server.v4}"),
                (self.authority(15008), 503, internal), (self.authority(15001), 503, internal),
                (self.authority(15006), 503, internal),
                (self.server.v4, 400, "malformed authority: no port"),
                ("nonsense:8080:9", 400, "malformed authority: not a hostname"),
                ("unknown.demo.svc.cluster.local:80", 503, "no service with hostname unknown")):
            with self.subTest(authority=authority):
                client = self.client_of()
                self.assertEqual(client.connect(authority)[1:], (status, True))
                self.check_reason(client.name, text, kinds=ERROR)

    def test_malformed_request(self):
        """Against the rules of HTTP/2 itself: no status, but RST_STREAM (RFC 9113 section 8.1.1)."""
        client = self.client_of()
        stream, status, _ = client.connect("")
        self.assertEqual((status, client.resets), (0, {stream: 1}))
        self.assertEqual(client.connect(self.authority())[1], 200)

    def test_other_method(self):
        client = self.client_of()
        block = b"".join(h2.literal(*x) for x in ((":method", "GET"), (":scheme", "https"),
                                                  (":path", "/"), (":authority", "x")))
        stream = client.open("", flags=h2.END_HEADERS | h2.END_STREAM, block=block)
        got = client.until((h2.HEADERS, h2.RST_STREAM), stream)
        self.assertEqual(h2.status_of(got[3]), 400)
        self.check_reason(client.name, "method is not CONNECT: GET")

    def test_traceparent_of_junk(self):
        client = self.client_of()
        for value in ("x" * 55, "-" * 55, "00-" + "0" * 52, "", "00-zz-zz-00"):
            stream, status, _ = client.connect(self.authority(), [("traceparent", value)])
            self.assertEqual(status, 200, value)
            client.data(stream, end=True)

    def test_forwarded_and_baggage_of_junk(self):
        client = self.client_of()
        for name in ("forwarded", "baggage", "x-forwarded-network"):
            for value in ("", ";;;===,,,", "for=", 'for="[::', "a" * 4000, "k8s.namespace.name=a\"b,,="):
                stream, status, _ = client.connect(self.authority(), [(name, value)])
                self.assertEqual(status, 200, (name, value))
                client.data(stream, end=True)

    def test_hostname_target(self):
        client = self.client_of()
        stream, status, _ = client.connect("single.demo.svc.cluster.local:80")
        self.assertEqual(status, 200)
        client.data(stream, b"by name")
        self.assertEqual(client.read_data(stream, 7), b"by name")

    def test_data_with_the_request(self):
        client = self.client_of()
        stream = client.open(self.authority())
        client.data(stream, b"early")
        got = client.until((h2.HEADERS, h2.RST_STREAM), stream)
        self.assertEqual(h2.status_of(got[3]), 200)
        self.assertEqual(client.read_data(stream, 5), b"early")

    def test_half_request_then_end(self):
        client = self.client_of()
        client.until((h2.SETTINGS,))
        client.send(h2.frame(h2.HEADERS, 0, 1, h2.connect_headers(self.authority())[:10]))
        socket.socket.shutdown(client.tls, socket.SHUT_WR)  # below TLS: no close_notify
        self.check_reason(client.name, "in the middle of an HTTP/2 frame")

    def test_reset_of_a_tunnel_with_a_stream(self):
        heard = []
        self.serve(self.server, lambda s, _: heard.append(traffic.ending(s)), port=8072)
        client = self.client_of()
        self.assertEqual(client.connect(self.authority(8072))[1], 200)
        name = client.name
        traffic.reset(client.tls)
        self.check_reason(name, "Connection reset by peer")
        wait_for(lambda: heard, "the application to hear the end")
        self.assertEqual(heard, ["reset"])


class PlaintextPort(MeshTest):
    def test_junk_for_the_application_is_delivered(self):
        got = []
        self.serve(self.server, lambda s, _: got.append(traffic.receive_all(s)), port=8075)
        with self.plain.ns.connect((self.server.v4, 8075)) as s:
            s.sendall(bytes(range(256)) * 10)
        wait_for(lambda: got, "the bytes")
        self.assertEqual(got[0], bytes(range(256)) * 10)
