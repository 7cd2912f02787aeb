"""Pods that are enrolled and withdrawn while they run."""

import os
import shutil
import subprocess
import time

from harness import dns, traffic
from harness.process import Process, wait_for
from own_mesh import OwnMesh


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


class DnsOfEnrolments(OwnMesh):
    """Whose DNS is captured: where the daemon that serves a pod answers it, unless it is told not to."""

    RESOLVER = 5001  # the address number of the pods' own resolver

    def prepare(self):
        self.vips = self.mesh.service("web", 1, {80: 8080}, [self.server])
        fabric = self.mesh.fabric
        self.resolver = dns.Resolver(fabric.attach("resolver", self.RESOLVER), fabric.v4(self.RESOLVER),
                                     self.answer)
        self.addCleanup(self.resolver.close)
        # What `ip netns exec` shows to the client's programs, and nobody to the server's.
        self.files = f"/etc/netns/{self.client.ns.name}"
        os.makedirs(self.files)
        self.addCleanup(shutil.rmtree, self.files)
        self.use(fabric.v4(self.RESOLVER))
        with open(os.path.join(self.files, "nsswitch.conf"), "w", encoding="ascii") as file:
            file.write("hosts: files dns\n")

    def use(self, resolver):
        with open(os.path.join(self.files, "resolv.conf"), "w", encoding="ascii") as file:
            file.write(f"nameserver {resolver}\noptions timeout:2 attempts:1\n")

    @staticmethod
    def answer(asked, _tcp, _say):
        name, kind = dns.asked_for(asked)
        if name == "elsewhere.test" and kind == dns.A:
            return dns.reply(asked, [dns.record(dns.A, b"\xcb\x00\x71\x07")])
        return dns.reply(asked, rcode=dns.NXDOMAIN)

    def look_up(self, name):
        run = subprocess.run(["ip", "netns", "exec", self.client.ns.name, "getent", "ahostsv4", name],
                             capture_output=True, text=True, check=False)
        return run.stdout.split()[0] if run.stdout else None

    def knows_the_mesh(self):
        return self.look_up("web.demo.svc.cluster.local") == self.vips[0]

    def captured(self):
        run = self.mesh.culvertctl(self.node_a, "enrolments", "--control-socket", self.node_a.socket)
        line = next(x for x in run.stdout.splitlines() if self.client.ns.name in x)
        return "captured" in line.split()

    def check_rules(self, captured):
        rules = self.client.ns.run("nft", "list", "ruleset").stdout
        self.assertEqual("redirect to :15053" in rules, captured, rules)
        self.assertEqual("istio-ambient-raw" in rules, captured, rules)
        self.assertIn("redirect to :15001", rules)

    def replace_daemon(self, dns_capture):
        self.assertEqual(self.node_a.daemon.stop(), 0)
        self.node_a.env["ISTIO_META_DNS_CAPTURE"] = dns_capture
        self.node_a.start_daemon()

    def test_enroll_captures_dns_by_default(self):
        said = self.mesh.enroll(self.client).stdout
        self.assertIn("DNS is captured", said)
        self.assertIn(f"{self.mesh.fabric.v4(self.RESOLVER)} of {self.files}/resolv.conf", said)
        self.assertTrue(self.captured())
        self.check_rules(True)
        self.assertTrue(self.knows_the_mesh())
        self.assertEqual(self.look_up("web"), self.vips[0])  # by the workload's own namespace
        # What is not the mesh's is asked of the pod's own resolver.
        self.assertEqual(self.look_up("elsewhere.test"), "203.0.113.7")
        # The name leads through the mesh.
        page = subprocess.run(["ip", "netns", "exec", self.client.ns.name, "curl", "-4sv", "-m", "2",
                               "--http0.9", "http://web.demo.svc.cluster.local/"],
                              capture_output=True, check=False)
        self.assertIn(b"GET / HTTP/1.1", page.stdout, page)  # the echo server's answer
        self.mesh.withdraw(self.client)
        self.assertEqual(self.client.ns.run("nft", "list", "ruleset").stdout, "")
        self.assertEqual(self.look_up("elsewhere.test"), "203.0.113.7")
        self.assertFalse(self.knows_the_mesh())

    def test_enroll_leaves_dns_alone_when_told(self):
        self.assertIn("DNS is left alone", self.mesh.enroll(self.client, "--no-dns").stdout)
        self.assertFalse(self.captured())
        self.check_rules(False)
        self.assertFalse(self.knows_the_mesh())
        self.assertEqual(self.look_up("elsewhere.test"), "203.0.113.7")
        self.works()

    def test_dns_demanded_of_a_daemon_without_it(self):
        self.replace_daemon("false")
        extra = self.mesh.pod("extra", 0, enrolled=False, protocol="HBONE")
        self.mesh.write_config()
        self.assertRaisesRegex(RuntimeError, "ISTIO_META_DNS_CAPTURE.*everything was taken back",
                               self.mesh.enroll, extra, "--dns")
        self.assertEqual(extra.ns.run("nft", "list", "ruleset").stdout, "")
        said = self.mesh.enroll(extra).stdout
        self.assertIn("DNS is not captured: the daemon does not serve it", said)
        self.works()

    def test_dns_follows_the_daemons(self):
        self.assertTrue(self.captured())
        self.replace_daemon("false")
        wait_for(lambda: not self.captured(), "the end of the capture", 5)
        self.check_rules(False)
        self.assertEqual(self.look_up("elsewhere.test"), "203.0.113.7")
        self.works()
        self.replace_daemon("true")
        wait_for(self.captured, "the capture", 5)
        wait_for(self.knows_the_mesh, "names of the mesh", 5)
        # By itself a daemon that goes changes nothing.
        self.node_a.daemon.stop()
        self.assertTrue(self.captured())
        self.check_rules(True)

    def test_enroll_says_when_no_query_can_leave(self):
        self.use("127.0.0.53")
        self.assertIn("what stays on loopback is not captured", self.mesh.enroll(self.client).stdout)
        self.use("203.0.113.53")
        self.client.ns.run("ip", "route", "del", "default")
        self.assertIn("no route leads from there to 203.0.113.53", self.mesh.enroll(self.client).stdout)
