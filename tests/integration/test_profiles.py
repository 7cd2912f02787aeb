"""CPU and heap profiles, taken from a running daemon and read by pprof itself where Go is installed."""

import gzip
import os
import shutil
import subprocess
import tempfile
import threading
import unittest

from harness import traffic
from harness.node import ADMIN
from harness.process import wait_for
from own_mesh import OwnMesh
from standard import MeshTest

PPROF = "/debug/pprof/"
GO = shutil.which("go") or ("/usr/local/go/bin/go" if os.path.exists("/usr/local/go/bin/go") else None)


def ask(node, path, timeout=60):
    """(status, body) of a GET on the admin port; the body as bytes."""
    with node.ns.connect(("127.0.0.1", ADMIN), timeout) as s:
        s.sendall(f"GET {PPROF}{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        head, _, body = traffic.receive_all(s).partition(b"\r\n\r\n")
        return int(head.split()[1]), body


def top(profile, *options):
    """What `go tool pprof -top` says of a profile."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "profile.pb")
        with open(path, "wb") as file:
            file.write(profile)
        run = subprocess.run([GO, "tool", "pprof", "-top", "-nodecount=500", *options, path],
                             timeout=300,  # newer Go compiles the tool at its first use
                             capture_output=True, text=True, check=False,
                             env={**os.environ, "PPROF_TMPDIR": folder})
        if run.returncode != 0:
            raise AssertionError(run.stdout + run.stderr)
        return run.stdout


class Profiles(MeshTest):
    def load(self):
        """Requests through the mesh until the test ends."""
        self.serve(self.server, traffic.echo)
        s = self.connect(self.client, (self.server.v4, 8080))
        ended = threading.Event()

        def ask_on():
            while not ended.is_set():
                s.sendall(b"x" * 1000)
                traffic.receive_exactly(s, 1000)
        thread = threading.Thread(target=ask_on)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(ended.set)

    def test_cpu_profile_is_taken_while_everything_else_goes_on(self):
        self.load()
        taken = []
        profile = threading.Thread(target=lambda: taken.append(ask(self.node_a, "profile?seconds=4&frequency=500")))
        profile.start()
        self.addCleanup(profile.join)
        line = self.node_a.daemon.wait_line("a CPU profile begins", "seconds=4")
        self.assertIn("frequency=500", line)
        self.assertEqual(self.node_a.readiness(), (200, "ready\n"))
        self.assertEqual(ask(self.node_a, "profile?seconds=1"), (500, b"a CPU profile is being taken already\n"))
        profile.join()
        status, body = taken[0]
        self.assertEqual(status, 200)
        self.assertIn(b"culvert", body)
        if not GO:
            raise unittest.SkipTest("no Go here: pprof has not read the profile")
        said = top(body)
        self.assertIn("Type: cpu", said)
        self.assertRegex(said, r"culvert::net::Worker::turn|culvert::hbone::Tunnel::")
        self.assertRegex(top(body, "-tagfocus=worker-0"), "culvert::")

    def test_bad_values_of_a_profile_are_named(self):
        for query, said in (("seconds=0", "seconds value; expected 1-300"), ("seconds=301", "seconds value; expected 1-300"),
                            ("seconds=x", "seconds value; expected 1-300"), ("seconds=", "seconds value; expected 1-300"),
                            ("seconds=1&frequency=0", "frequency value; expected 1-1000"),
                            ("frequency=1001", "frequency value; expected 1-1000")):
            with self.subTest(query=query):
                self.assertEqual(ask(self.node_a, f"profile?{query}"), (400, f"invalid {said}\n".encode()))
        self.assertEqual(ask(self.node_a, "heap/profiling?activate=maybe"),
                         (400, b'invalid activate value "maybe"; expected true or false\n'))
        self.assertEqual(ask(self.node_a, "goroutine"), (404, b""))

    def test_heap_profile_is_off_until_asked_for(self):
        self.assertEqual(ask(self.node_a, "heap/profiling"), (200, b"heap profiling active: false\n"))
        self.assertEqual(ask(self.node_a, "heap"), (
            500, b"heap profiling not active; activate with /debug/pprof/heap/profiling?activate=true"))
        self.assertEqual(ask(self.node_a, "heap/profiling?activate=true"), (200, b"heap profiling active: true\n"))
        self.addCleanup(ask, self.node_a, "heap/profiling?activate=false")
        self.load()
        echo = traffic.ManyEcho(self.server.ns, (self.server.v4, 9000))
        self.addCleanup(echo.close)
        many = traffic.open_many(self.client.ns, (self.server.v4, 9000), 4000)
        self.assertEqual(traffic.ask_all(many), 4000)
        status, body = ask(self.node_a, "heap")
        for s in many:
            s.close()
        self.assertEqual(status, 200)
        self.assertIn(b"inuse_space", gzip.decompress(body))
        self.assertEqual(ask(self.node_a, "heap/profiling?activate=false"), (200, b"heap profiling active: false\n"))
        if not GO:
            raise unittest.SkipTest("no Go here: pprof has not read the profile")
        said = top(body)
        self.assertIn("Type: inuse_space", said)
        self.assertIn("culvert::", said)

    def test_only_root_and_the_own_user_take_profiles(self):
        for path in ("profile?seconds=1", "heap", "heap/profiling?activate=true"):
            run = self.node_a.ns.run(
                "setpriv", "--reuid=65534", "--clear-groups", "bash", "-c",
                f'exec 3<>/dev/tcp/127.0.0.1/{ADMIN}; printf "GET {PPROF}{path} HTTP/1.1\\r\\nHost: x\\r\\n'
                'Connection: close\\r\\n\\r\\n" >&3; head -1 <&3')
            self.assertIn(" 403 ", run.stdout, run.stderr)
        self.assertEqual(ask(self.node_a, "heap/profiling"), (200, b"heap profiling active: false\n"))


class ProfileAndEnd(OwnMesh):
    def test_a_profile_does_not_hold_up_the_end(self):
        taken = []
        profile = threading.Thread(target=lambda: taken.append(ask(self.node_a, "profile?seconds=60")))
        profile.start()
        self.node_a.daemon.wait_line("a CPU profile begins")
        self.assertEqual(self.node_a.http(ADMIN, "/quitquitquit", method="POST")[0], 200)
        profile.join(20)
        self.assertEqual(taken[0][0], 200)
        wait_for(lambda: not self.node_a.daemon.running(), "the daemon to end", 10)
        self.assertEqual(self.node_a.daemon.popen.returncode, 0)
