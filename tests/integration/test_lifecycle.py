"""Start, stop, restart, outage, enrolment: each test has a mesh of its own."""

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import time
import unittest

from harness import runner, traffic
from harness.mesh import ADMIN, Mesh
from harness.process import Process, wait_for


class OwnMesh(unittest.TestCase):
    ENV = {"CONNECTION_TERMINATION_DEADLINE": "3s"}

    def setUp(self):
        self.mesh = Mesh(runner.OPTIONS.bin, runner.OPTIONS.logs, self._testMethodName, env=self.ENV)
        self.addCleanup(self.mesh.close)
        self.client, self.server = self.mesh.pod("client", 0), self.mesh.pod("server", 1)
        for node in self.mesh.nodes:
            if runner.OPTIONS.daemon:
                node.program = runner.OPTIONS.daemon
        self.node_a, self.node_b = self.mesh.nodes
        self.prepare()
        self.mesh.start()
        self.echo = traffic.Server(self.server.ns, (self.server.v4, 8080), traffic.echo)
        self.addCleanup(self.echo.close)

    def prepare(self):
        pass

    def works(self, seconds=10):
        """Waits until a new connection carries a byte there and back."""
        def attempt():
            try:
                with self.client.ns.connect((self.server.v4, 8080), 3) as s:
                    s.sendall(b"x")
                    return s.recv(1) == b"x"
            except OSError:
                return False
        wait_for(attempt, "a connection through the mesh", seconds, 0.1)

    def open(self):
        s = self.client.ns.connect((self.server.v4, 8080), 10)
        self.addCleanup(s.close)
        self.check(s)
        return s

    def check(self, s):
        s.sendall(b"still")
        self.assertEqual(traffic.receive_exactly(s, 5), b"still")

    def secured(self):
        """Whether new connections reach the server through 15008."""
        before = self.node_b.metric("istio_tcp_connections_opened_total", reporter="destination",
                                    connection_security_policy="mutual_tls")
        self.works()
        return self.node_b.metric("istio_tcp_connections_opened_total", reporter="destination",
                                  connection_security_policy="mutual_tls") > before


class Enrolment(OwnMesh):
    FOREIGN = "table inet mine { chain c { type filter hook input priority 0; }; }"

    def rules(self, pod):
        return pod.ns.run("nft", "list", "ruleset").stdout

    def test_enroll_and_withdraw_live(self):
        self.assertTrue(self.secured())
        subprocess.run(self.server.ns.command("nft", self.FOREIGN), check=True)
        self.mesh.enroll(self.server)  # again: fine
        self.assertTrue(self.secured())
        for _ in range(2):  # the second time there is nothing left to do
            run = self.mesh.withdraw(self.server)
            self.assertEqual(run.returncode, 0, run.stderr)
        left = self.rules(self.server)
        self.assertIn("table inet mine", left)
        self.assertEqual(left.count("table "), 1, left)
        for family in ("-4", "-6"):
            self.assertNotIn("fwmark", self.server.ns.run("ip", family, "rule").stdout)
            self.assertEqual(self.server.ns.run("ip", family, "route", "show", "table", "100").stdout, "")
        # The server was never restarted; without the mesh it is reached directly.
        self.server.protocol = "TCP"
        self.mesh.write_config()
        self.works()
        self.assertFalse(self.secured())
        self.server.protocol = "HBONE"
        self.mesh.write_config()
        self.mesh.enroll(self.server)
        wait_for(self.secured, "the tunnel after enrolling again", 20)

    def test_enroll_by_pid_and_path(self):
        extra = self.mesh.pod("extra", 0, enrolled=False)
        extra.protocol = "HBONE"
        self.mesh.write_config()
        sleeper = Process("sleep", ["sleep", "60"], os.devnull, netns=extra.ns)
        self.addCleanup(sleeper.kill)
        words = ["--workload", "demo/extra/extra", "--control-socket", self.node_a.socket]
        for place in (["--pid", str(sleeper.pid)], ["--path", extra.ns.path]):
            time.sleep(0.2)
            run = self.mesh.culvertctl(self.node_a, "enroll", *place, *words)
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        states = [s["info"]["name"] for s in self.node_a.config_dump()["workloadState"].values()]
        self.assertEqual(states.count("extra"), 1)
        run = self.mesh.culvertctl(self.node_a, "withdraw", "--pid", str(sleeper.pid),
                                   "--control-socket", self.node_a.socket)
        self.assertEqual(run.returncode, 0, run.stderr)

    def test_wrong_namespace_is_named(self):
        run = self.mesh.culvertctl(self.node_a, "enroll", "--netns", "no-such-namespace", "--workload",
                                   "demo/x/x", "--control-socket", self.node_a.socket)
        self.assertNotEqual(run.returncode, 0)
        self.assertIn("no-such-namespace", run.stderr + run.stdout)

    def test_withdrawing_cuts_connections(self):
        s = self.open()
        self.mesh.withdraw(self.server)
        self.assertEqual(traffic.ending(s), "reset")


class Restarts(OwnMesh):
    def test_agent_restart_keeps_everything(self):
        s = self.open()
        self.node_b.agent.stop()
        self.works()
        self.check(s)
        self.node_b.start_agent()
        self.node_b.wait_ready()
        self.check(s)
        self.works()
        states = self.node_b.config_dump()["workloadState"].values()
        self.assertEqual([x["info"]["name"] for x in states], ["server"])

    def test_agent_killed(self):
        s = self.open()
        self.node_b.agent.kill()
        self.works()
        self.node_b.start_agent()
        self.node_b.wait_ready()
        self.check(s)
        self.assertTrue(self.secured())

    def test_not_ready_without_agent(self):
        self.node_b.agent.stop()
        wait_for(lambda: self.node_b.readiness()[0] == 500, "readiness to be lost", 10)
        self.assertIn("workload proxy manager", self.node_b.readiness()[1])

    def test_daemon_killed_and_started(self):
        for node in self.mesh.nodes:
            node.daemon.kill()
            node.start_daemon()
            self.assertTrue(self.secured())


class Outage(OwnMesh):
    def test_control_plane_away_and_back(self):
        key = self.mesh.state("root-key.pem")
        self.assertEqual(stat.S_IMODE(os.stat(key).st_mode), 0o600)
        with open(key, "rb") as file:
            before = file.read()
        s = self.open()
        self.mesh.control.stop()
        self.works()
        self.check(s)
        time.sleep(2)
        self.works()
        self.mesh.policy("closed", "Deny", [[[{"destinationPorts": [8080]}]]], pods=[self.server])
        self.mesh.start_control()
        with open(key, "rb") as file:
            self.assertEqual(file.read(), before, "the root key was replaced")

        def denied():
            try:
                with self.client.ns.connect((self.server.v4, 8080), 5) as c:
                    return traffic.closed_by_other_side(c, 2)
            except ConnectionResetError:
                return True
        wait_for(denied, "the policy made while the connection was down", 30, 0.2)

    def test_not_ready_before_the_mesh_is_known(self):
        self.node_a.daemon.stop()
        self.mesh.control.stop()
        self.node_a.start_daemon(wait=False)
        wait_for(lambda: self.node_a.readiness()[0] == 500, "an answer", 10)
        self.assertEqual(self.node_a.readiness()[1],
                         "not ready, pending: proxy, state manager, workload proxy manager\n")
        self.mesh.start_control()
        self.node_a.wait_ready()

    def test_killed_control_plane(self):
        self.mesh.control.kill()
        self.works()
        self.mesh.start_control()
        self.works()


class Drain(OwnMesh):
    def test_deadline_cuts_and_exit_is_clean(self):
        s = self.open()
        begin = time.monotonic()
        self.node_b.daemon.signal(signal.SIGTERM)
        wait_for(lambda: self.refused(), "new connections to be refused", 3)
        self.check(s)
        self.assertEqual(self.node_b.daemon.wait(15), 0)
        took = time.monotonic() - begin
        self.assertGreater(took, 2.5)
        self.assertLess(took, 6)
        self.assertEqual(traffic.ending(s), "reset")
        self.assertTrue(self.node_b.daemon.lines("access", "drain"))

    def refused(self):
        try:
            with self.server.ns.connect((self.server.v4, 15008), 2):
                return False
        except ConnectionRefusedError:
            return True

    def test_early_finish(self):
        s = self.open()
        for node in (self.node_a, self.node_b):
            node.daemon.signal(signal.SIGTERM)
        time.sleep(0.5)
        s.close()
        begin = time.monotonic()
        for node in (self.node_a, self.node_b):
            self.assertEqual(node.daemon.wait(10), 0)
        self.assertLess(time.monotonic() - begin, 2)

    def test_idle_daemon_stops_at_once(self):
        self.works()
        begin = time.monotonic()
        self.node_a.daemon.signal(signal.SIGTERM)
        self.assertEqual(self.node_a.daemon.wait(10), 0)
        self.assertLess(time.monotonic() - begin, 2.5)

    def test_quitquitquit(self):
        self.assertEqual(self.node_a.http(ADMIN, "/quitquitquit", method="POST"),
                         (200, "shutdown now\n"))
        self.assertEqual(self.node_a.daemon.wait(10), 0)

    def test_dump_under_way_is_finished(self):
        """A reader that has the head of a large dump when the daemon ends gets all of it."""
        self.mesh.padding = [{"name": f"padding-{i}", "namespace": "demo", "workloadIps": [],
                              "services": {}, "uid": f"padding-{i}", "workloadName": "x" * 4000}
                             for i in range(2500)]
        self.mesh.write_config()
        wait_for(lambda: self.node_a.metric("istio_xds_message_bytes_total") > 10_000_000,
                 "the padding to arrive", 60)
        s = self.node_a.ns.connect(("127.0.0.1", ADMIN), 20)
        self.addCleanup(s.close)
        s.sendall(b"GET /config_dump HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        data = s.recv(1 << 16)
        self.node_a.daemon.signal(signal.SIGTERM)
        self.node_a.daemon.wait_line("drained")
        time.sleep(0.2)
        data += traffic.receive_all(s)
        self.assertEqual(self.node_a.daemon.wait(10), 0)
        head, _, body = data.partition(b"\r\n\r\n")
        self.assertGreater(len(body), 10_000_000)
        self.assertIn(f"content-length: {len(body)}\r\n".encode(), head.lower() + b"\r\n")

    def test_second_interrupt_ends_at_once(self):
        self.open()
        self.node_a.daemon.signal(signal.SIGINT)
        time.sleep(0.3)
        begin = time.monotonic()
        self.node_a.daemon.signal(signal.SIGINT)
        self.node_a.daemon.wait(10)
        self.assertLess(time.monotonic() - begin, 1.5)


class StalledLogReader(OwnMesh):
    """What reads the daemon's output has stopped: the pipe is full from the start."""

    def prepare(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while os.write(writer, bytes(4096)):
                pass
        os.set_blocking(writer, True)
        self.pipe = writer

    def restart(self):
        self.node_a.daemon.stop()
        self.node_a.start_daemon(output=self.pipe)
        self.works()

    def test_stalled_log_reader_does_not_hold_up_the_end(self):
        self.restart()
        begin = time.monotonic()
        self.node_a.daemon.signal(signal.SIGTERM)
        self.assertEqual(self.node_a.daemon.wait(10), 0)
        self.assertLess(time.monotonic() - begin, 4)

    def test_stalled_log_reader_and_second_interrupt(self):
        self.restart()
        self.open()
        self.node_a.daemon.signal(signal.SIGINT)
        time.sleep(0.3)
        begin = time.monotonic()
        self.node_a.daemon.signal(signal.SIGINT)
        self.node_a.daemon.wait(10)
        self.assertLess(time.monotonic() - begin, 1.5)


class Secrets(OwnMesh):
    """All programs run without CAP_SYS_PTRACE, and so does who tries to read their memory."""

    WITHOUT = ("setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace")

    def prepare(self):
        self.mesh.culvert, self.mesh.ctl = map(self.wrapped, (self.mesh.culvert, self.mesh.ctl))

    def wrapped(self, program):
        path = os.path.join(self.mesh.dir, os.path.basename(program))
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nexec {" ".join(self.WITHOUT)} {program} "$@"\n')
        os.chmod(path, 0o755)
        return path

    def readable(self, pid):
        run = subprocess.run([*self.WITHOUT, sys.executable, "-c", f"open('/proc/{pid}/mem', 'rb').close()"],
                             capture_output=True, check=False)
        return run.returncode == 0

    def test_memory_with_keys_cannot_be_read(self):
        sleeper = Process("sleep", [*self.WITHOUT, "sleep", "60"], os.devnull)
        self.addCleanup(sleeper.kill)
        wait_for(lambda: self.readable(sleeper.pid), "the memory of another process to be readable")
        self.assertFalse(self.readable(self.node_a.daemon.pid))
        self.assertFalse(self.readable(self.mesh.control.pid))


class LogFormat(OwnMesh):
    ENV = {"LOG_FORMAT": "json"}

    def test_json_access_log(self):
        s = self.open()
        s.close()
        lines = wait_for(lambda: self.node_a.daemon.lines('"scope":"access"'), "an access line")
        record = json.loads(lines[-1])
        self.assertEqual(record["level"], "info")
        self.assertEqual(record["message"], "connection complete")
        self.assertEqual(record["direction"], "outbound")
        self.assertEqual(record["bytes_sent"], 5)
        self.assertEqual(record["bytes_recv"], 5)
        for line in self.node_a.daemon.log().splitlines():
            json.loads(line)
