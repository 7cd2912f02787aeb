"""What an operator sees: metrics, readiness, the dump, the command line."""

import contextlib
import os
import platform
import re
import subprocess
import time

from harness import traffic
from harness.node import ADMIN, READY, STATS
from harness.process import wait_for
from standard import MeshTest


class Metrics(MeshTest):
    LABELS = {"source_workload": "client", "destination_workload": "server"}

    def totals(self, node, reporter, **more):
        labels = {"reporter": reporter, **self.LABELS, **more}
        return {name: node.metric(f"istio_tcp_{name}_total", **labels)
                for name in ("connections_opened", "connections_closed", "received_bytes", "sent_bytes")}

    def test_bytes_and_connections_exactly(self):
        up, down = 1_234_567, 765_432

        def answer(s, _):
            traffic.receive_exactly(s, up)
            s.sendall(bytes(down))
            traffic.receive_all(s)
        self.serve(self.server, answer)
        sides = ((self.node_a, "source"), (self.node_b, "destination"))
        before = [self.totals(*x) for x in sides]
        s = self.connect(self.client, (self.server.v4, 8080))
        s.sendall(bytes(up))
        traffic.receive_exactly(s, down)
        s.close()
        for (node, reporter), old in zip(sides, before):
            with self.subTest(reporter=reporter):
                wait_for(lambda n=node, r=reporter, o=old: self.totals(n, r)["connections_closed"] ==
                         o["connections_closed"] + 1, "the connection to be counted")
                new = self.totals(node, reporter)
                self.assertEqual({k: new[k] - old[k] for k in new}, {
                    "connections_opened": 1, "connections_closed": 1, "received_bytes": up,
                    "sent_bytes": down})

    def test_bytes_are_counted_while_the_connection_lives(self):
        self.serve(self.server, traffic.echo)
        old = self.totals(self.node_a, "source")["received_bytes"]
        s = self.connect(self.client, (self.server.v4, 8080))
        s.sendall(bytes(10_000))
        traffic.receive_exactly(s, 10_000)
        wait_for(lambda: self.totals(self.node_a, "source")["received_bytes"] == old + 10_000,
                 "the bytes of an open connection")

    def test_labels(self):
        self.serve(self.server, traffic.tell_peer)
        traffic.receive_all(self.connect(self.client, ("198.19.0.2", 80)))
        common = {
            "source_principal": self.client.identity, "destination_principal": self.server.identity,
            "source_workload_namespace": "demo", "destination_workload_namespace": "demo",
            "source_canonical_service": "client", "destination_canonical_service": "server",
            "request_protocol": "tcp", "connection_security_policy": "mutual_tls",
            "response_flags": "-"}
        wait_for(lambda: self.node_a.metric(
            "istio_tcp_connections_opened_total", reporter="source",
            destination_service="single.demo.svc.cluster.local", **common) >= 1, "source labels")
        wait_for(lambda: self.node_b.metric(
            "istio_tcp_connections_opened_total", reporter="destination", **common) >= 1,
            "destination labels")

    def test_process_and_build(self):
        metrics = self.node_a.metrics()
        self.assertEqual(metrics["istio_build"][0][1], 1)
        self.assertEqual(metrics["istio_build"][0][0]["component"], "ztunnel")
        self.assertGreater(metrics["process_open_fds"][0][1], 5)
        self.assertEqual(metrics["workload_manager_active_proxy_count"][0][1], 2)

    def test_scrape_paths_and_types(self):
        for path in ("/metrics", "/stats/prometheus"):
            status, text = self.node_a.http(STATS, path)
            self.assertEqual(status, 200)
            self.assertTrue(text.endswith("# EOF\n"))
        self.assertEqual(self.node_a.http(STATS, "/nothing")[0], 404)


class Endpoints(MeshTest):
    def test_readiness(self):
        self.assertEqual(self.node_a.http(READY, "/healthz/ready"), (200, "ready\n"))
        self.assertEqual(self.node_a.http(READY, "/healthz/ready", method="POST")[0], 405)
        self.assertEqual(self.node_a.http(READY, "/other")[0], 404)

    def test_config_dump_shape(self):
        dump = self.node_b.config_dump()
        for key in ("certificates", "config", "policies", "services", "stagedServices",
                    "staticConfig", "version", "workloads", "workloadState"):
            self.assertIn(key, dump)
        workloads = {w["name"]: w for w in dump["workloads"]}
        self.assertEqual(workloads["server"]["workloadIps"], [self.server.v4, self.server.v6])
        self.assertEqual(workloads["server"]["protocol"], "HBONE")
        self.assertEqual(workloads["heavy"]["capacity"], 3)
        self.assertEqual([w["uid"] for w in dump["workloads"]],
                         sorted(w["uid"] for w in dump["workloads"]))
        service = next(s for s in dump["services"] if s["name"] == "single")
        self.assertEqual(service["ports"], {"80": 8080, "81": 8081})
        self.assertIn(self.server.uid, service["endpoints"])
        certificate = next(c for c in dump["certificates"] if c["identity"] == self.server.identity)
        self.assertEqual(certificate["state"], "Available")
        self.assertTrue(certificate["certChain"][0]["serialNumber"].isdigit())
        self.assertIn("T", certificate["certChain"][0]["expirationTime"])
        self.assertEqual({s["state"] for s in dump["workloadState"].values()}, {"Up"})
        self.assertEqual({s["info"]["name"] for s in dump["workloadState"].values()},
                         {"server", "heavy"})

    def test_config_dump_shows_connections(self):
        self.serve(self.server, traffic.echo)
        s = self.connect(self.client, (self.server.v4, 8080))
        s.sendall(b"x")
        s.recv(1)
        source = f"{self.client.v4}:"  # redirection may change the port when many are in use

        def connection(node, pod, side):
            for state in node.config_dump()["workloadState"].values():
                if state["info"]["name"] == pod:
                    return [c for c in state["connections"][side] if c["protocol"] == "HBONE"]
            return []
        outbound = wait_for(lambda: [c for c in connection(self.node_a, "client", "outbound")
                                     if c["src"].startswith(source)], "the outbound connection")[0]
        self.assertEqual(outbound["originalDst"], f"{self.server.v4}:8080")
        inbound = wait_for(lambda: connection(self.node_b, "server", "inbound"), "the inbound one")
        self.assertIn(f"{self.server.v4}:8080", [c["actualDst"] for c in inbound])

    def test_configuration_is_logged_a_key_a_line(self):
        lines = self.node_a.daemon.lines("configuration: ")
        for key in ("clusterId: \"Kubernetes\"", "localNode: \"node-a\"", "packetMark: 1337"):
            self.assertTrue([x for x in lines if x.endswith(f"\tconfiguration: {key}")], lines)
        self.assertFalse([x for x in lines if "\\n" in x])

    def test_no_private_key_leaves(self):
        for node in self.mesh.nodes:
            status, text = node.http(ADMIN, "/config_dump")
            self.assertEqual(status, 200)
            self.assertNotIn("PRIVATE KEY", text)
            self.assertNotIn("UFJJVkFURSBLRVk", text)  # the same in base64
            self.assertNotIn("PRIVATE KEY", node.daemon.log())

    def test_admin_is_on_loopback_only(self):
        address = self.mesh.fabric.v4(10)
        for family_address in (address, self.mesh.fabric.v6(10)):
            with self.assertRaises(OSError):
                self.node_b.ns.connect((family_address, ADMIN), 2).close()
        self.node_a.ns.connect(("::1", ADMIN), 2).close()

    def test_quitquitquit_wants_post(self):
        self.assertEqual(self.node_a.http(ADMIN, "/quitquitquit")[0], 405)

    def test_slow_request_is_cut_off(self):
        s = self.node_a.ns.connect(("127.0.0.1", READY), 10)
        self.addCleanup(s.close)
        s.sendall(b"GET /healthz")
        self.assertTrue(traffic.closed_by_other_side(s, 6))
        self.assertEqual(self.node_a.readiness()[0], 200)

    def test_junk_on_http_ports(self):
        for port in (ADMIN, STATS, READY):
            for junk in (b"\x16\x03\x01\x02\x00", b"GET " + b"a" * 20000 + b" HTTP/1.1\r\n\r\n", b"\r\n" * 50):
                s = self.node_a.ns.connect(("127.0.0.1", port), 5)
                s.sendall(junk)
                s.close()
        self.assertEqual(self.node_a.readiness()[0], 200)


class CommandLine(MeshTest):
    def run_daemon(self, *words, **env):
        return subprocess.run([self.mesh.culvert, *words], capture_output=True, text=True, timeout=30,
                              check=False, env={"PATH": "/usr/bin:/bin", **env})

    def test_version_help_unknown(self):
        run = self.run_daemon("version")
        self.assertEqual(run.returncode, 0)
        self.assertRegex(run.stdout, r'^version\.BuildInfo\{Version:".*IstioVersion:"unknown"')
        self.assertEqual(self.run_daemon("help").returncode, 0)
        run = self.run_daemon("frobnicate")
        self.assertEqual(run.returncode, 1)
        self.assertIn("unknown command: frobnicate", run.stderr)

    def test_wrong_settings_stop_the_start(self):
        for name, value in (("IPV6_ENABLED", "yes"), ("PROXY_MODE", "other"), ("SECRET_TTL", "soon"),
                            ("ZTUNNEL_WORKER_THREADS", "many"), ("PACKET_MARK", "-1"),
                            ("CA_ADDRESS", "")):
            with self.subTest(name=name):
                run = self.run_daemon("proxy", **{name: value})
                self.assertNotEqual(run.returncode, 0)
                self.assertIn(name, run.stdout + run.stderr)

    def start_without(self, *capabilities):
        """What a second daemon says that is started beside node-a's, without these."""
        drop = ",".join(f"-{x}" for x in capabilities)
        run = self.node_a.ns.run(
            "setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}", self.mesh.culvert, "proxy", "ztunnel",
            timeout=30, env={**self.node_a.environment(), "PATH": os.environ["PATH"]})
        self.assertEqual(run.returncode, 1, run.stdout)
        return run.stderr

    def test_missing_capability_is_named(self):
        # From this kernel on marks and foreign addresses are had for either of the two.
        either = tuple(map(int, re.findall(r"\d+", platform.release())[:2])) >= (5, 17)
        for dropped, named in (
                (("sys_admin",), {"CAP_SYS_ADMIN"}),
                (("net_admin", "net_raw"), {"CAP_NET_ADMIN"}),
                (("net_admin",), set() if either else {"CAP_NET_ADMIN"}),
                (("net_raw",), set()),
                (("sys_admin", "net_admin", "net_raw"), {"CAP_SYS_ADMIN", "CAP_NET_ADMIN"})):
            with self.subTest(dropped=dropped):
                said = self.start_without(*dropped)
                self.assertEqual(set(re.findall(r"grant it (\w+)", said)), named, said)
                if not named:  # it came as far as the ports, which are taken
                    self.assertIn("cannot listen on port", said)

    def test_missing_network_namespaces_are_named(self):
        run = self.node_a.ns.run(
            "unshare", "--mount", "sh", "-c", f"mount -t tmpfs none /proc && exec {self.mesh.culvert} proxy",
            timeout=30, env={**self.node_a.environment(), "PATH": os.environ["PATH"]})
        self.assertEqual(run.returncode, 1, run.stdout + run.stderr)
        self.assertIn("network namespaces", run.stderr)

    def test_only_root_and_the_own_user_give_orders(self):
        """On a plain host loopback is everybody's."""
        for path in ("/quitquitquit", "/logging?level=off"):
            ask = (f'exec 3<>/dev/tcp/127.0.0.1/{ADMIN}; printf "POST {path} HTTP/1.1\\r\\nHost: x\\r\\n'
                   'Connection: close\\r\\n\\r\\n" >&3; head -1 <&3')
            run = self.node_a.ns.run("setpriv", "--reuid=65534", "--clear-groups", "bash", "-c", ask)
            self.assertIn(" 403 ", run.stdout, run.stderr)
        self.assertEqual(self.node_a.http(ADMIN, "/logging", method="POST")[0], 200)
        self.assertTrue(self.node_a.daemon.running())

    def test_nobody_gives_orders_by_leaving(self):
        """Of a socket that its owner has closed the kernel says it is root's."""
        leave = ("import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); "
                 "s.send(b'POST /quitquitquit HTTP/1.1\\r\\nHost: x\\r\\nX: ' + b'x' * 3000 + b'\\r\\n\\r\\n', "
                 "socket.MSG_MORE); s.close()")
        for _ in range(20):
            run = self.node_a.ns.run("setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", "-c", leave, str(ADMIN))
            self.assertEqual(run.returncode, 0, run.stderr)
        time.sleep(0.5)
        self.assertTrue(self.node_a.daemon.running())
        self.assertEqual(self.node_a.daemon.lines("draining"), [])

    def test_culvertctl_status(self):
        run = self.node_a.ns.run(self.mesh.ctl, "status")
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertIn("client", run.stdout)


class WrongMeshFile(MeshTest):
    def test_names_the_place_and_keeps_the_state(self):
        path = self.mesh.state("../mesh.yaml")
        before = len(self.node_a.config_dump()["workloads"])
        self.addCleanup(self.mesh.write_config)
        with open(path, "w", encoding="ascii") as file:
            file.write("workloads:\n- name: broken\n  namespace: demo\n  workloadIps: [nonsense]\n"
                       "  services: {}\n")
        line = self.mesh.control.wait_line(r"mesh\.yaml", "nonsense")
        self.assertRegex(line, r"mesh\.yaml:4")
        self.assertIn("workloadIps", line)
        self.assertEqual(len(self.node_a.config_dump()["workloads"]), before)
        self.serve(self.server, traffic.tell_peer)
        self.assertNotEqual(traffic.receive_all(self.connect(self.client, (self.server.v4, 8080))), b"")


class Descriptors(MeshTest):
    def test_nothing_leaks(self):
        """After thousands of connections of every outcome, as many descriptors as before."""
        self.serve(self.server, traffic.echo)

        def round_trip():
            for port in (8080, 4444):
                with contextlib.suppress(ConnectionError):
                    with self.client.ns.connect((self.server.v4, port), 10) as s:
                        s.sendall(b"x")
                        s.recv(1)
        round_trip()
        wait_for(lambda: self.settled(), "descriptors to settle", 20)
        before = [n.daemon.fds() for n in self.mesh.nodes]
        for _ in range(300):
            round_trip()
        wait_for(lambda: all(n.daemon.fds() <= b + 4 for n, b in zip(self.mesh.nodes, before)),
                 f"descriptors to fall back to {before}", 20)

    def settled(self):
        first = [n.daemon.fds() for n in self.mesh.nodes]
        time.sleep(1)
        return first == [n.daemon.fds() for n in self.mesh.nodes]
