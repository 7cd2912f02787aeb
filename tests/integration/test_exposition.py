"""The metrics as a scraper gets them: both texts, every coding, and what Prometheus' own tool says."""

import gzip
import re
import shutil
import subprocess
import unittest
import zlib

import tools
from harness import traffic
from harness.node import STATS
from standard import MeshTest

PROMTOOL = tools.promtool_here()
OPEN_METRICS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"


class Exposition(MeshTest):
    # The reference's names, which its dashboards know, whatever the tool would call them.
    GIVEN_NAMES = {f'workload_manager_{which}_proxy_count non-histogram and non-summary metrics should not '
                   f'have "_count" suffix' for which in ("active", "pending")}

    def scrape(self, **headers):
        """(content type, content coding, body)"""
        with self.node_a.ns.connect(("127.0.0.1", STATS), 10) as s:
            lines = ["GET /metrics HTTP/1.1", "Host: x", "Connection: close",
                     *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items()), "", ""]
            s.sendall("\r\n".join(lines).encode())
            head, _, body = traffic.receive_all(s).partition(b"\r\n\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
        return fields["content-type"], fields.get("content-encoding", ""), body

    def populate(self):
        self.serve(self.server, traffic.tell_peer)
        traffic.receive_all(self.connect(self.client, (self.server.v4, 8080)))
        self.assertTrue(self.refused(self.client, (self.server.v4, 4444)))

    def test_two_texts_of_the_same_samples(self):
        self.populate()
        kind, _, text = self.scrape()
        self.assertEqual(kind, "text/plain; charset=utf-8")
        open_kind, _, open_text = self.scrape(Accept=OPEN_METRICS)
        self.assertEqual(open_kind, "application/openmetrics-text;charset=utf-8;version=1.0.0")

        def names(body):
            return {re.split("[ {]", x)[0] for x in body.decode().splitlines() if not x.startswith("#")}
        self.assertEqual(names(text), names(open_text))
        self.assertIn(b"\n# TYPE istio_tcp_connections_opened_total counter\n", b"\n" + text)
        self.assertIn(b"\n# TYPE istio_tcp_connections_opened counter\n", b"\n" + open_text)
        self.assertNotIn(b"# UNIT", text)
        self.assertTrue(open_text.endswith(b"\n# EOF\n"))

    def test_codings(self):
        self.populate()
        for accept, coding in (("gzip", "gzip"), ("deflate", "deflate"), ("br", "br"), ("zstd", "zstd"),
                               ("gzip, deflate, br, zstd", "zstd"), ("br;q=0.2, gzip;q=0.9", "gzip"), ("", "")):
            _, got, body = self.scrape(Accept_Encoding=accept)
            self.assertEqual(got, coding)
            if coding in ("gzip", "deflate"):
                text = gzip.decompress(body) if coding == "gzip" else zlib.decompress(body)
                self.assertIn(b"istio_build{", text)

    @unittest.skipUnless(shutil.which("curl"), "no curl")
    def test_curl_reads_what_it_asked_for(self):
        """Whatever codings this curl knows."""
        self.populate()
        run = self.node_a.ns.run("curl", "-s", "--compressed", f"http://127.0.0.1:{STATS}/metrics")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertTrue(run.stdout.endswith("# EOF\n"))

    @unittest.skipUnless(PROMTOOL, "no promtool: tests/run charts fetches one")
    def test_promtool_objects_to_two_given_names_alone(self):
        self.populate()
        _, _, text = self.scrape()
        run = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, timeout=60,
                             check=False)
        said = (run.stdout + run.stderr).decode().splitlines()
        self.assertEqual(set(filter(None, said)), self.GIVEN_NAMES)
        self.assertEqual(run.returncode, 3, "there were remarks, and nothing worse")
