"""What the programs may do on a host: what the systemd units grant is enough, and less is named."""

import configparser
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import runner, traffic
from harness.mesh import Mesh

UNITS = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "systemd"
PROGRAMS = {"control": "culvert-control", "agent": "culvert-agent", "daemon": "culvert"}


def capabilities(unit):
    """The words of its CapabilityBoundingSet, as setpriv wants them."""
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(UNITS / f"{unit}.service", encoding="utf-8")
    return [x.lower().removeprefix("cap_") for x in parser["Service"]["CapabilityBoundingSet"].split()]


def limited_to(names):
    """Words before a command that leave it these capabilities only."""
    allowed = ",".join(["-all", *(f"+{x}" for x in names)])
    return ["setpriv", "--bounding-set", allowed, "--no-new-privs"]


class Units(unittest.TestCase):
    def test_units_are_tried_again_for_ever(self):
        """An address that comes late, or a daemon that somebody made quit, needs no operator."""
        for unit in PROGRAMS.values():
            parser = configparser.RawConfigParser(strict=False, interpolation=None)
            parser.read(UNITS / f"{unit}.service", encoding="utf-8")
            self.assertEqual(parser["Unit"]["StartLimitIntervalSec"], "0", unit)
            self.assertEqual(parser["Service"]["Restart"], "always", unit)
            self.assertEqual(parser["Service"]["RestartSec"], "2", unit)

    def test_units_grant_enough(self):
        mesh = Mesh(runner.OPTIONS.bin, runner.OPTIONS.logs, "units")
        self.addCleanup(mesh.close)
        client, server = mesh.pod("client", 0), mesh.pod("server", 1)
        mesh.prefix = {role: limited_to(capabilities(unit)) for role, unit in PROGRAMS.items()}
        mesh.start()
        with traffic.Server(server.ns, (server.v4, 8080), traffic.tell_peer):
            with client.ns.connect((server.v4, 8080)) as s:
                self.assertEqual(traffic.receive_all(s), f"{client.v4}\n".encode())
        mesh.nodes[1].agent.stop()
        mesh.nodes[1].start_agent()  # finds its namespaces again
        run = mesh.culvertctl(mesh.nodes[1], "enrolments", "--control-socket", mesh.nodes[1].socket)
        self.assertNotIn("absent", run.stdout)
        self.assertEqual(mesh.withdraw(server).returncode, 0)

    def test_agent_names_the_missing_capability(self):
        folder = tempfile.mkdtemp(prefix="culvert-agent-")
        self.addCleanup(shutil.rmtree, folder)
        granted = capabilities("culvert-agent")
        for missing in ("sys_admin", "net_admin"):
            with self.subTest(missing=missing):
                run = subprocess.run(
                    [*limited_to(x for x in granted if x != missing),
                     os.path.join(runner.OPTIONS.bin, "culvertctl"), "agent", "--state-dir", folder,
                     "--control-socket", f"{folder}/agent.sock", "--zds-socket", f"{folder}/zds.sock"],
                    capture_output=True, text=True, timeout=30, check=False)
                self.assertEqual(run.returncode, 1, run.stdout + run.stderr)
                self.assertIn(f"CAP_{missing.upper()}", run.stderr)
                self.assertEqual(len(run.stderr.strip().splitlines()), 1, run.stderr)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_units_are_valid(self):
        folder = tempfile.mkdtemp(prefix="culvert-units-")
        self.addCleanup(shutil.rmtree, folder)
        units = []
        for unit in PROGRAMS.values():
            text = (UNITS / f"{unit}.service").read_text(encoding="utf-8")
            path = pathlib.Path(folder) / f"{unit}.service"
            path.write_text(text.replace("/usr/local/bin", os.path.abspath(runner.OPTIONS.bin)),
                            encoding="utf-8")
            units.append(str(path))
        run = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True,
                             text=True, check=False)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
