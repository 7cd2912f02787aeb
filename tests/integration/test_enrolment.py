"""Pods that are enrolled and withdrawn while they run."""

import os
import subprocess
import time

from harness import traffic
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
