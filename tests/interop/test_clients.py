"""Foreign TLS and HTTP/2 clients at port 15008: openssl, nghttp, curl."""

import re
import shutil
import subprocess
import unittest

from harness import certificates, runner, traffic
from harness.mesh import Mesh


class ForeignClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mesh = Mesh(runner.OPTIONS.bin, runner.OPTIONS.logs, "clients", nodes=("node-a",))
        cls.addClassCleanup(cls.mesh.close)
        cls.server = cls.mesh.pod("server", 0)
        cls.plain = cls.mesh.pod("plain", 0, enrolled=False)
        if runner.OPTIONS.daemon:
            cls.mesh.nodes[0].program = runner.OPTIONS.daemon
        cls.mesh.start()
        issuer = certificates.of_mesh(cls.mesh)
        cls.root = issuer.cert
        cls.cert, cls.key = issuer.issue("foreigner", "spiffe://cluster.local/ns/demo/sa/foreigner")
        cls.url = f"https://{cls.server.v4}:15008/"

    def run_client(self, *words, text=""):
        if not shutil.which(words[0]):
            self.skipTest(f"{words[0]} is not installed")
        return subprocess.run(self.plain.ns.command(*words), input=text, capture_output=True, text=True,
                              errors="replace", timeout=30, check=False)

    def s_client(self, *words, text=""):
        return self.run_client("openssl", "s_client", "-connect", f"{self.server.v4}:15008", "-CAfile",
                               self.root, "-cert", self.cert, "-key", self.key, *words, text=text)

    def test_s_client_handshake(self):
        for group in ("X25519", "P-256", "P-384"):
            with self.subTest(group=group):
                out = self.s_client("-alpn", "h2", "-groups", group).stdout
                self.assertIn("TLSv1.3", out)
                self.assertIn("ALPN protocol: h2", out)
                self.assertIn("Verify return code: 0 (ok)", out)
                self.assertIn("TLS_AES_256_GCM_SHA384", out)

    def test_s_client_suites(self):
        out = self.s_client("-ciphersuites", "TLS_AES_128_GCM_SHA256").stdout
        self.assertIn("TLS_AES_128_GCM_SHA256", out)
        run = self.s_client("-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256")
        self.assertIn("handshake failure", run.stdout + run.stderr)

    def test_s_client_sends_no_root(self):
        out = self.s_client("-showcerts").stdout
        self.assertEqual(len(re.findall("BEGIN CERTIFICATE", out)), 1, "leaf only: the root signs it")

    def test_s_client_tls12(self):
        run = self.s_client("-tls1_2")
        self.assertIn("protocol version", run.stdout + run.stderr)

    def test_s_client_key_update(self):
        """`K` makes s_client update both sides' keys; the connection goes on."""
        out = self.s_client("-alpn", "h2", text="K\nk\nQ\n")
        self.assertIn("KEYUPDATE", out.stdout + out.stderr)
        self.assertTrue(self.mesh.nodes[0].daemon.running())

    def test_nghttp_settings(self):
        run = self.run_client("nghttp", "-nv", "--no-verify-peer", f"--cert={self.cert}", f"--key={self.key}",
                              self.url)
        text = re.sub(r"\x1b\[[0-9;]*m", "", run.stdout)
        for setting in ("SETTINGS_INITIAL_WINDOW_SIZE(0x04):4194304", "SETTINGS_MAX_FRAME_SIZE(0x05):1048576",
                        "SETTINGS_MAX_CONCURRENT_STREAMS(0x03):200",
                        "SETTINGS_MAX_HEADER_LIST_SIZE(0x06):65536"):
            self.assertIn(setting, text)
        self.assertRegex(text, r"recv \(stream_id=\d+\) :status: 400")

    def test_curl_get_is_refused(self):
        run = self.run_client("curl", "-sk", "--http2", "--cert", self.cert, "--key", self.key, "-o",
                              "/dev/null", "-w", "%{http_code} %{http_version}", self.url)
        self.assertEqual(run.stdout, "400 2", run.stderr)

    def test_curl_connect(self):
        """curl 8.1 and newer speak CONNECT to an HTTP/2 proxy: a whole foreign HBONE client."""
        if "proxy-http2" not in self.run_client("curl", "--help", "all").stdout:
            self.skipTest("this curl has no --proxy-http2")

        def http(s, _):
            s.recv(4096)
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        server = traffic.Server(self.server.ns, (self.server.v4, 8080), http)
        self.addCleanup(server.close)
        run = self.run_client("curl", "-s", "--proxy-http2", "--proxytunnel", "--proxy", self.url,
                              "--proxy-insecure", "--proxy-cert", self.cert, "--proxy-key", self.key,
                              f"http://{self.server.v4}:8080/")
        self.assertEqual(run.stdout, "hello", run.stderr)
