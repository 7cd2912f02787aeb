"""One pod's trouble is not its neighbours': the pods of a node share a daemon and nothing else."""

import contextlib
import os
import socket
import threading
import time

from harness import traffic
from harness.netns import ip
from harness.process import GIVES_BACK, wait_for
from own_mesh import OwnMesh


class Unservable(OwnMesh):
    def prepare(self):
        self.broken = self.mesh.pod("broken", 1, enrolled=False, protocol="HBONE")

    def states(self):
        return {s["info"]["name"]: s["state"]
                for s in self.node_b.config_dump()["workloadState"].values()}

    def test_pod_with_a_foreign_listener_for_ipv6_is_not_half_served(self):
        """Served for IPv4 alone, its IPv6 clients would reach a foreign program unasked."""
        taken = self.broken.ns.listen(("::", 15006))
        self.addCleanup(taken.close)
        run = self.mesh.enroll(self.broken, "--keep-pending")
        self.assertIn("15006", run.stdout + run.stderr)
        wait_for(lambda: self.states() == {"server": "Up", "broken": "Pending"},
                 "one pod to be served and one to be pending")
        taken.close()
        wait_for(lambda: self.states().get("broken") == "Up", "the pod to be served", 40, 0.2)

    def test_pod_that_cannot_be_served_leaves_the_others_alone(self):
        held = self.open()
        taken = self.broken.ns.listen(("0.0.0.0", 15008))
        self.addCleanup(taken.close)
        run = self.mesh.enroll(self.broken, "--keep-pending")
        self.assertIn("15008", run.stdout + run.stderr)
        self.node_b.daemon.wait_line("warn|error", "demo/broken|broken", "15008")
        wait_for(lambda: self.states() == {"server": "Up", "broken": "Pending"},
                 "one pod to be served and one to be pending")
        self.check(held)
        self.assertTrue(self.secured())
        # Once the port is free it is served without another word.
        taken.close()
        wait_for(lambda: self.states().get("broken") == "Up", "the pod to be served", 40, 0.2)
        with traffic.Server(self.broken.ns, (self.broken.v4, 8080), traffic.tell_peer):
            with self.client.ns.connect((self.broken.v4, 8080), 10) as s:
                self.assertEqual(traffic.receive_all(s).decode().strip(), self.client.v4)
        self.check(held)


class Flood:
    """What a hostile or broken neighbour gets: on the tunnel port connections that say nothing and
    connections that say nonsense, and plaintext as fast as it goes, until the block ends."""

    SILENT, SOURCES = 1200, 24  # more than a pod lets handshake at a time, and few of each address

    def __init__(self, ns, pod):
        self.ns, self.pod, self.silent = ns, pod, []
        self.ended, self.rounds, self.threads = threading.Event(), [0] * 3, []
        self.sources = [f"198.18.20.{n + 1}" for n in range(self.SOURCES)]
        ip(netns=ns.name, batch=[f"addr add {x}/15 dev eth0" for x in self.sources])

    def __enter__(self):
        for n, port in enumerate((15008, 15008, 8080)):
            self.threads.append(threading.Thread(target=self._pour, args=(n, port), daemon=True))
            self.threads[-1].start()
        wait_for(lambda: min(self.rounds) >= 20, "the flood to rise", 30)
        for n in range(self.SILENT):
            with contextlib.suppress(ConnectionResetError):  # one too many
                self.silent.append(self.ns.connect((self.pod.v4, 15008), 5,
                                                   (self.sources[n % self.SOURCES], 0)))
        return self

    def _pour(self, n, port):
        while not self.ended.is_set():
            with contextlib.suppress(OSError), self.ns.connect((self.pod.v4, port), 2) as s:
                s.sendall(os.urandom(5000))
                s.shutdown(socket.SHUT_WR)
                while s.recv(1 << 16):
                    pass
            self.rounds[n] += 1

    def __exit__(self, *_):
        self.ended.set()
        for s in self.silent:
            s.close()
        for thread in self.threads:
            thread.join(10)


class Flooded(OwnMesh):
    ENV = {"POOL_MAX_STREAMS_PER_CONNECTION": "1"}  # every connection takes a handshake

    def prepare(self):
        self.victim = self.mesh.pod("victim", 1)
        self.outside = self.mesh.fabric.attach("outside", 5000)

    def test_flood_of_one_pod_leaves_its_neighbour_alone(self):
        held = self.open()
        with traffic.Server(self.victim.ns, (self.victim.v4, 8080), traffic.echo):
            with Flood(self.outside, self.victim):
                slowest = max(self.seconds_to_open() for _ in range(50))
                self.check(held)
                # Whoever stalls locks out only itself.
                with self.client.ns.connect((self.victim.v4, 8080), 10) as s:
                    self.check(s)
        self.assertLess(slowest, 2, "seconds for a connection of a pod that is not flooded")
        said = self.node_b.daemon.lines("too many TLS handshakes", f"{self.victim.v4}:15008")
        self.assertTrue(said)
        self.assertLess(len(said), 60, "a flood of connections is not to become one of log lines")
        # The victim is well again afterwards.
        with traffic.Server(self.victim.ns, (self.victim.v4, 8081), traffic.tell_peer):
            with self.client.ns.connect((self.victim.v4, 8081), 15) as s:
                self.assertEqual(traffic.receive_all(s).decode().strip(), self.client.v4)

    def seconds_to_open(self):
        begin = time.monotonic()
        self.open()
        return time.monotonic() - begin


class Hoarded(OwnMesh):
    """What a worker keeps for applications that do not read has a bound for all pods together."""

    STALLED = 90  # with 4 MiB each, more than the bound of 256 MiB

    def prepare(self):
        self.hoarder = self.mesh.pod("hoarder", 1)
        for node in self.mesh.nodes:
            node.env = {"ZTUNNEL_WORKER_THREADS": "1"}
        self.mesh.prefix["daemon"] = GIVES_BACK

    def stall(self, release):
        """Connections to a pod whose application reads nothing, filled until they take no more."""
        def never_read(s, _):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            release.wait(60)
        server = traffic.Server(self.hoarder.ns, (self.hoarder.v4, 8080), never_read)
        self.addCleanup(server.close)
        made = []
        for _ in range(self.STALLED):
            s = self.client.ns.connect((self.hoarder.v4, 8080), 10)
            self.addCleanup(s.close)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
            s.setblocking(False)
            made.append(s)
        last = time.monotonic()
        while time.monotonic() < last + 1:
            for s in made:
                with contextlib.suppress(OSError):  # full, or the one that had to go
                    s.send(bytes(1 << 18))
                    last = time.monotonic()

    def test_pod_that_hoards_memory_pays_for_it(self):
        release = threading.Event()
        self.addCleanup(release.set)
        self.stall(release)

        def begin_late(s, peer):
            time.sleep(1)  # what comes meanwhile has to be kept
            traffic.digest(s, peer)
        with traffic.Server(self.server.ns, (self.server.v4, 8081), begin_late):
            with self.client.ns.connect((self.server.v4, 8081), 60) as s:
                expected = traffic.send_blocks(s, 64 << 20)
                s.shutdown(socket.SHUT_WR)
                self.assertEqual(traffic.receive_all(s).decode(), expected)
        # The bound was reached, and only the hoarder's connections paid.
        paid = self.node_b.daemon.lines("access", 'direction="inbound"', "does not read")
        self.assertTrue(paid)
        for line in paid:
            self.assertIn('dst.workload="hoarder"', line)
        self.assertLess(self.node_b.daemon.memory()["rss"], 450 << 20)
