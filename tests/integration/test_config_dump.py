"""The dump in the shapes that istioctl's ztunnel-config reads; CULVERT_ISTIOCTL names a real one, which
then reads it as well."""

import base64
import ipaddress
import json
import os
import subprocess
import tempfile
import unittest
from datetime import datetime

from own_mesh import OwnMesh

ISTIOCTL = os.environ.get("CULVERT_ISTIOCTL")
TEXT, NUMBER, FLAG = str, int, bool
STRING_MATCH = {"Exact": TEXT, "Prefix": TEXT, "Suffix": TEXT, "Presence": list}
MATCHES = {"namespaces": [STRING_MATCH], "notPrincipals": [STRING_MATCH], "principals": [STRING_MATCH],
           "sourceIps": [TEXT], "destinationPorts": [NUMBER], "notDestinationPorts": [NUMBER],
           "serviceAccounts": [{"namespace": TEXT, "serviceAccount": TEXT}]}
GATEWAY = {"destination": TEXT, "hboneMtlsPort": NUMBER}
CERTIFICATE = {"pem": TEXT, "serialNumber": TEXT, "validFrom": TEXT, "expirationTime": TEXT}
CONNECTION = {"src": TEXT, "actualDst": TEXT, "protocol": TEXT, "originalDst": (TEXT, type(None))}
WORKLOAD = {
    "uid": TEXT, "workloadIps": [TEXT], "waypoint": GATEWAY, "protocol": TEXT, "name": TEXT, "namespace": TEXT,
    "serviceAccount": TEXT, "workloadName": TEXT, "workloadType": TEXT, "canonicalName": TEXT,
    "canonicalRevision": TEXT, "clusterId": TEXT, "trustDomain": TEXT, "node": TEXT, "status": TEXT,
    "hostname": TEXT, "capacity": NUMBER, "networkMode": TEXT, "services": [TEXT],
    "locality": {"region": TEXT, "zone": TEXT, "subzone": TEXT}, "authorizationPolicies": [TEXT],
    "applicationTunnel": {"protocol": TEXT, "port": NUMBER}}
SERVICE = {
    "name": TEXT, "namespace": TEXT, "hostname": TEXT, "vips": [TEXT], "ports": {None: NUMBER}, "canonical": FLAG,
    "cidrVips": [{"network": TEXT, "cidr": TEXT}], "waypoint": GATEWAY, "subjectAltNames": [TEXT],
    "loadBalancer": {"mode": TEXT, "routingPreferences": [TEXT], "healthPolicy": TEXT}, "visibility": TEXT,
    "endpoints": {None: {"workloadUid": TEXT, "port": {None: NUMBER}, "status": TEXT}}, "ipFamilies": TEXT}
DUMP = {
    "workloads": [WORKLOAD], "services": [SERVICE],
    "policies": [{"name": TEXT, "namespace": TEXT, "scope": TEXT, "action": TEXT, "dryRun": FLAG,
                  "rules": [[[MATCHES]]]}],
    "certificates": [{"identity": TEXT, "state": TEXT, "certChain": [CERTIFICATE], "rootCerts": [CERTIFICATE]}],
    "workloadState": {None: {"state": TEXT, "info": {"name": TEXT, "namespace": TEXT, "serviceAccount": TEXT},
                             "connections": {"inbound": [CONNECTION], "outbound": [CONNECTION]}}}}


class DumpForIstioctl(OwnMesh):
    """A mesh with everything that has a column or a field there."""

    def prepare(self):
        waypoint, heavy = self.mesh.pod("waypoint", 1), self.mesh.pod("heavy", 1)
        heavy.extra = {"capacity": 3, "locality": {"region": "r", "zone": "z", "subzone": "s"},
                       "applicationTunnel": {"protocol": "PROXY", "port": 15088},
                       "waypoint": {"destination": "/198.19.0.9", "hboneMtlsPort": 15008}}
        self.mesh.service("waypoint", 9, {15008: 15008}, [waypoint])
        self.mesh.service("single", 1, {80: 8080}, [self.server])
        self.mesh.service("pair", 2, {80: 8080}, [self.server, heavy], ipFamilies="IPv4",
                          waypoint={"destination": "demo/waypoint.demo.svc.cluster.local", "hboneMtlsPort": 15008},
                          loadBalancer={"routingPreferences": ["Network", "Zone"], "mode": "Failover",
                                        "healthPolicy": "OnlyHealthy"},
                          cidrVips=[{"network": "", "cidr": "198.19.200.0/24"}],
                          subjectAltNames=["spiffe://cluster.local/ns/demo/sa/server"])
        self.mesh.policy("strict", "Deny", [
            [[{"notPrincipals": [{"Presence": []}]}]],
            [[{"namespaces": [{"Exact": "x"}, {"Prefix": "a"}, {"Suffix": "b"}], "sourceIps": ["192.0.2.0/24"],
               "destinationPorts": [9999],
               "serviceAccounts": [{"namespace": "demo", "serviceAccount": "nobody"}]}]]], pods=[self.server])
        self.mesh.policy("known", "Allow", [[[{"principals": [{"Presence": []}]}]]], scope="Namespace")
        self.mesh.policy("anybody", "Allow", [[[{"notDestinationPorts": [1]}]]], scope="Global",
                         namespace="istio-system")
        self.mesh.padding += [
            {"uid": "Kubernetes//Pod/demo/bad", "name": "bad", "namespace": "demo", "serviceAccount": "bad",
             "trustDomain": "elsewhere.example", "workloadIps": ["198.18.200.1"], "protocol": "HBONE",
             "node": "node-b", "services": {}, "status": "Unhealthy"},
            {"uid": "Kubernetes//ServiceEntry/demo/ext", "name": "ext", "namespace": "demo", "workloadIps": [],
             "serviceAccount": "default", "trustDomain": "cluster.local", "hostname": "ext.example",
             "protocol": "TCP", "services": {}}]

    def fits(self, value, shape, where):
        """Every field is known and of its type; what a field may be is the table above."""
        if isinstance(shape, list):
            self.assertIsInstance(value, list, where)
            for i, one in enumerate(value):
                self.fits(one, shape[0], f"{where}[{i}]")
        elif isinstance(shape, dict):
            self.assertIsInstance(value, dict, where)
            for key, one in value.items():
                self.assertTrue(key in shape or None in shape, f"{where}: {key}")
                self.fits(one, shape.get(key, shape.get(None)), f"{where}.{key}")
        else:
            self.assertIsInstance(value, shape, where)

    def dump(self):
        self.open()
        for vip in ("198.19.0.1", "2001:2:0:1::1"):
            s = self.client.ns.connect((vip, 80), 10)
            self.addCleanup(s.close)
        return self.node_b.config_dump()

    def test_config_dump_has_what_istioctl_reads(self):
        dump = self.dump()
        for part, shape in DUMP.items():
            self.fits(dump[part], shape, part)
        services = {s["name"]: s for s in dump["services"]}
        # istioctl finds a waypoint's name by these, word for word.
        names = {f'{s["namespace"]}/{s["hostname"]}' for s in services.values()} | {
            vip for s in services.values() for vip in s["vips"]}
        for one in [*dump["services"], *dump["workloads"]]:
            if "waypoint" in one:
                self.assertIn(one["waypoint"]["destination"], names)
        healthy = {w["uid"] for w in dump["workloads"] if w["status"] == "Healthy"}
        self.assertEqual({e["workloadUid"] for e in services["pair"]["endpoints"].values()} - healthy, set())
        self.assertIn("", {vip.split("/")[0] for vip in services["pair"]["vips"]})

    def test_certificates_and_connections_are_as_istioctl_parses_them(self):
        dump = self.dump()
        certificates = {c["identity"]: c for c in dump["certificates"]}
        self.assertTrue(certificates["spiffe://elsewhere.example/ns/demo/sa/bad"]["state"].startswith("Unavailable: "))
        self.assertEqual(certificates["spiffe://elsewhere.example/ns/demo/sa/bad"]["certChain"], [])
        good = certificates[self.server.identity]
        self.assertEqual(good["state"], "Available")
        for one in good["certChain"] + good["rootCerts"]:
            self.assertIn(b"BEGIN CERTIFICATE", base64.b64decode(one["pem"]))
            self.assertGreater(int(one["serialNumber"], 10), 0)
            for time in (one["validFrom"], one["expirationTime"]):
                datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ")
        state = next(s for s in dump["workloadState"].values() if s["info"]["name"] == "server")
        self.assertEqual(state["state"], "Up")
        self.assertTrue(state["connections"]["inbound"])
        for one in state["connections"]["inbound"]:
            for address in (one["src"], one["actualDst"]):
                host, port = address.rsplit(":", 1)
                ipaddress.ip_address(host.strip("[]"))
                self.assertEqual("[" in host, ":" in host, "as Go's net.SplitHostPort wants it")
                self.assertGreater(int(port), 0)
            self.assertEqual(one["protocol"], "HBONE")

    @unittest.skipUnless(ISTIOCTL, "CULVERT_ISTIOCTL names no istioctl")
    def test_istioctl_itself_reads_the_dump(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(self.dump(), file)
            file.flush()
            for command, *rows in (
                    ("workload", "demo +heavy .*node-b +waypoint +HBONE", "demo +ext +ext.example +None +TCP"),
                    ("service", "demo +pair +198.19.0.2,2001:2:0:1::2 +waypoint +2/2", "demo +single .*1/1"),
                    ("policy", "demo +strict +Deny +WorkloadSelector", "istio-system +anybody +Allow +Global"),
                    ("certificate", f"{self.server.identity} +Leaf +Available +true",
                     f"{self.server.identity} +Root +Available +true", "sa/bad +NA +Unavailable +false"),
                    ("connections", r"server.demo +Inbound +server.demo:8080 +client.demo:\d+ .*HBONE"),
                    ("all", "POD NAME", "SERVICE VIP", "POLICY NAME", "CERTIFICATE NAME", "DIRECTION")):
                for output in ("short", "json", "yaml"):
                    with self.subTest(command=command, output=output):
                        run = subprocess.run(
                            [ISTIOCTL, "ztunnel-config", command, "-f", file.name, "-o", output], timeout=60,
                            capture_output=True, text=True, check=False,
                            env={"PATH": os.environ["PATH"], "KUBECONFIG": "/dev/null"})
                        self.assertEqual((run.returncode, run.stderr), (0, ""))
                        for row in rows if output == "short" else ["demo"]:
                            self.assertRegex(run.stdout, row)
