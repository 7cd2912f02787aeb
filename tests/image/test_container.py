"""The daemon in its image, under runc with what the upstream chart and the kubelet give it. Its node
agent and its control plane are culvertctl outside; a daemon without a container is its peer."""

import os
import re
import signal
import unittest

from container import Files, Pod
from harness import runner, traffic
from harness.capture import Capture
from harness.mesh import Mesh
from harness.process import wait_for

SECRET = b"a sentence that nobody on the wire may read"


class InMesh(unittest.TestCase):
    """node-a's daemon is a container; node-b's is not."""

    def setUp(self):
        self.mesh = Mesh(runner.OPTIONS.bin, runner.OPTIONS.logs, self._testMethodName)
        self.addCleanup(self.mesh.close)
        self.client, self.server = self.mesh.pod("client", 0), self.mesh.pod("server", 1)
        self.back = self.mesh.pod("back", 0)
        self.node_a, self.node_b = self.mesh.nodes
        self.pod = Pod(self.node_a)
        self.addCleanup(self.pod.remove)
        self.mesh.start_control()
        for node in self.mesh.nodes:
            node.start_agent()
        self.prepare()

    def prepare(self):
        """Everything runs."""
        self.node_b.start_daemon(wait=False)
        self.pod.start()
        for node in self.mesh.nodes:
            node.wait_ready()
        for pod in self.mesh.pods.values():
            self.mesh.enroll(pod)

    def serve(self, pod, handler):
        server = traffic.Server(pod.ns, (pod.v4, 8080), handler)
        self.addCleanup(server.close)

    def exchange(self, source, target):
        """The secret there and back."""
        with source.ns.connect((target.v4, 8080), 10) as s:
            s.sendall(SECRET)
            self.assertEqual(traffic.receive_exactly(s, len(SECRET)), SECRET)

    def security(self):
        """What the kernel says of the container's first process."""
        with open(f"/proc/{self.pod.first_process()}/status", encoding="ascii") as file:
            return {name: value.strip() for name, _, value in (line.partition(":") for line in file)}


class Traffic(InMesh):
    def test_traffic_is_tunnelled_both_ways(self):
        for pod in (self.server, self.back):
            self.serve(pod, traffic.echo)
        with Capture(self.node_a.ns, "eth0") as node, Capture(self.client.ns, "eth0") as pod:
            self.exchange(self.client, self.server)
            self.exchange(self.server, self.back)
        self.assertIn(15008, pod.tcp_ports())
        self.assertFalse(node.contains(SECRET) or pod.contains(SECRET))
        for reporter, source, destination in (("source", "client", "server"), ("destination", "server", "back")):
            wait_for(lambda r=reporter, s=source, d=destination: self.node_a.metric(
                "istio_tcp_connections_closed_total", reporter=r, source_workload=s, destination_workload=d,
                connection_security_policy="mutual_tls", response_flags="-") == 1, f"{reporter} metrics")
        line = self.node_a.daemon.wait_line("access", 'direction="outbound"')
        self.assertIn(f'dst.identity="{self.server.identity}"', line)

    def test_readiness_metrics_and_status(self):
        self.assertEqual(self.node_a.readiness(), (200, "ready\n"))
        self.assertEqual(self.node_a.metrics()["istio_build"][0][0]["component"], "ztunnel")
        run = self.pod.execute("/usr/local/bin/culvertctl", "status")  # kubectl exec
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertIn("client", run.stdout)
        self.assertIn("back", run.stdout)

    def test_no_shell_to_enter(self):
        for words in (["sh"], ["/bin/sh", "-c", "true"], ["bash"], ["ls"]):
            run = self.pod.execute(*words)
            self.assertNotEqual(run.returncode, 0, words)
            self.assertRegex(run.stderr, r"executable file not found|no such file", words)

    def test_it_holds_no_more_than_the_chart_grants(self):
        run = self.pod.execute("/usr/local/bin/culvert", "version")
        self.assertEqual(run.returncode, 0, run.stderr)
        status = self.security()
        granted = 1 << 12 | 1 << 13 | 1 << 21  # NET_ADMIN, NET_RAW, SYS_ADMIN
        for field in ("CapBnd", "CapEff", "CapPrm"):
            self.assertEqual(int(status[field], 16), granted, field)
        self.assertEqual(status["Uid"].split(), ["0"] * 4)
        self.assertEqual(status["Gid"].split(), ["1337"] * 4)
        self.assertEqual(os.listdir(self.pod.files.tmp), [])

    def test_drain_and_exit_code(self):
        self.serve(self.server, traffic.echo)
        s = self.client.ns.connect((self.server.v4, 8080), 10)
        self.addCleanup(s.close)
        s.sendall(b"before")
        self.assertEqual(traffic.receive_exactly(s, 6), b"before")
        self.node_a.daemon.signal(signal.SIGTERM)
        self.node_a.daemon.wait_line("draining")
        s.sendall(b"after")  # it has 25 of the 30 seconds
        self.assertEqual(traffic.receive_exactly(s, 5), b"after")
        s.close()
        self.assertEqual(self.node_a.daemon.wait(15), 0)

    def test_the_root_is_read_only(self):
        with open(f"/proc/{self.pod.first_process()}/mounts", encoding="utf-8") as file:
            mounts = [line.split() for line in file]
        options = {m[1]: m[3].split(",") for m in mounts}
        self.assertIn("ro", options["/"])
        writable = {there for there, its in options.items() if "rw" in its and not there.startswith(("/proc", "/dev"))}
        self.assertEqual({x.replace("/var/run/", "/run/") for x in writable}, {"/tmp", "/run/ztunnel"})


class Refused(InMesh):
    """What is wrong in the chart's values ends in one sentence in the pod's log."""

    def prepare(self):
        pass

    def ends_with(self, *patterns, **start):
        """Starts it; it ends by itself, not with 0, and one line of its log has every pattern."""
        daemon = self.pod.start(**start)
        code = daemon.wait(20)
        self.assertNotEqual(code, 0)
        said = [x for x in daemon.log().splitlines() if all(re.search(p, x) for p in patterns)]
        self.assertTrue(said, f"no line with {patterns}:\n{daemon.log()}")

    def test_wrong_values_are_named(self):
        for name, value, cure in (
                ("XDS_ADDRESS", "istiod istio-system:15012", "as in https://"),
                ("XDS_ADDRESS", "%%%:15012", "no host name, as in https://"),
                ("XDS_ADDRESS", "http://istiod.istio-system.svc:15010", "https"),
                ("CA_ADDRESS", "istiod.istio-system.svc:many", "port"),
                ("PROXY_MODE", "sidecar", "shared"),
                ("RUST_LOG", "loud", "info"),
                ("TERMINATION_GRACE_PERIOD_SECONDS", "30s", "number"),
                ("ZTUNNEL_CPU_LIMIT", "all", "500m"),
                ("XDS_ROOT_CA", "/var/run/secrets/istio/no-such.pem", "XDS_ROOT_CA")):
            with self.subTest(name=name, value=value):
                self.ends_with(re.escape(name), re.escape(value), cure, **{name: value})

    def test_missing_capability_is_named_in_the_log(self):
        self.ends_with("grant it CAP_SYS_ADMIN", capabilities=("CAP_NET_ADMIN", "CAP_NET_RAW"))
        self.ends_with("grant it CAP_NET_ADMIN", capabilities=("CAP_SYS_ADMIN",))

    def test_unreadable_token_is_named_in_the_log(self):
        self.pod.files = Files(self.node_a)
        os.chmod(self.pod.files.tokens / "..data" / "istio-token", 0)
        self.ends_with("istio-token", "[Pp]ermission")

    def test_missing_volumes_are_named_in_the_log(self):
        def without(there):
            return lambda mounts: [m for m in mounts if m["destination"] != there]
        self.ends_with("root-cert.pem", mounts=without("/var/run/secrets/istio"))
