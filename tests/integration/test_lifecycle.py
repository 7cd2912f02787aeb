"""Agents, daemons and control planes that stop, die and come back: what goes on meanwhile, and after."""

import os
import stat
import time

from harness import traffic
from harness.process import wait_for
from own_mesh import OwnMesh


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
        run = self.node_b.ns.run(self.mesh.ctl, "status")
        self.assertEqual(run.returncode, 1, "a script has to see it, too")
        self.assertIn("workload proxy manager", run.stdout)
        self.assertEqual(self.node_b.ns.run(self.mesh.ctl, "status", "--json").returncode, 1)

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
