"""Authorization at the destination, changed while the mesh runs."""

from collections import Counter

from harness import traffic
from harness.process import wait_for
from standard import MeshTest

STRICT = [[[{"notPrincipals": [{"Presence": []}]}]]]


def principal(pod):
    return {"Exact": pod.identity.removeprefix("spiffe://")}


class Policies(MeshTest):
    def setUp(self):
        super().setUp()
        self.serve(self.server, traffic.tell_peer)
        self.addCleanup(self.clear)
        self.before = {node: self.failed(node) for node in self.mesh.nodes}

    def clear(self):
        self.mesh.policies = []
        for pod in self.mesh.pods.values():
            pod.policies = []
        self.apply()

    def apply(self):
        """Writes the configuration and waits until the server's node has exactly these policies."""
        self.mesh.write_config()
        wanted = sorted(f"{p['namespace']}/{p['name']}" for p in self.mesh.policies)

        def arrived():
            dump = self.node_b.config_dump()
            server = next(w for w in dump["workloads"] if w["name"] == "server")
            have = sorted(f"{p['namespace']}/{p['name']}" for p in dump["policies"])
            return have == wanted and sorted(server.get("authorizationPolicies", [])) == sorted(
                self.server.policies)
        wait_for(arrived, f"policies {wanted}")

    def failed(self, node):
        """What connections from the client have failed of, as the node counts it, by flag."""
        found = Counter()
        for labels, value in node.metrics().get("istio_tcp_connections_failed_total", []):
            if labels["source_workload"] == "client":
                found[labels["response_flags"]] += value
        return found

    def allowed(self, source, v6=False):
        address = self.server.v6 if v6 else self.server.v4
        try:
            with source.ns.connect((address, 8080), 15) as s:
                return traffic.receive_all(s) != b""
        except ConnectionResetError:
            return False

    def deny(self, name, rules, **where):
        self.mesh.policy(name, "Deny", rules, **where)
        self.apply()

    def allow(self, name, rules, **where):
        self.mesh.policy(name, "Allow", rules, **where)
        self.apply()

    def test_deny_by_principal_and_back(self):
        self.assertTrue(self.allowed(self.client))
        self.deny("not-client", [[[{"principals": [principal(self.client)]}]]], pods=[self.server])
        self.assertFalse(self.allowed(self.client))
        self.assertTrue(self.allowed(self.second))
        self.node_b.daemon.wait_line("access", "explicitly denied by: demo/not-client")
        self.assertIn("401", self.node_a.daemon.wait_line("access", "http status"))
        # Denied where the decision is made; to the source the answer is a failed CONNECT.
        for node, flag in ((self.node_a, "CONNECT"), (self.node_b, "DENY")):
            self.assertEqual(self.failed(node) - self.before[node], Counter([flag]))
        self.clear()
        self.assertTrue(self.allowed(self.client))

    def test_policy_change_cuts_a_download_visibly(self):
        """Half a file must not look like a whole one."""
        def pour(s, _):
            while True:
                s.sendall(bytes(1 << 16))
        self.serve(self.server, pour, port=8082)
        s = self.connect(self.client, (self.server.v4, 8082))
        traffic.receive_exactly(s, 1 << 20)
        self.deny("no-more", [[[{"destinationPorts": [8082]}]]], pods=[self.server])
        self.assertEqual(traffic.ending(s, 20), "reset")
        self.node_b.daemon.wait_line("access", 'direction="inbound"', "policy change")
        self.node_a.daemon.wait_line("access", 'direction="outbound"', "ended with INTERNAL_ERROR")

    def test_allow_by_principal(self):
        self.allow("only-second", [[[{"principals": [principal(self.second)]}]]], pods=[self.server])
        self.assertTrue(self.allowed(self.second))
        self.assertFalse(self.allowed(self.client))
        self.assertFalse(self.allowed(self.plain))
        self.node_b.daemon.wait_line("access", "allow policies exist, but none allowed")

    def test_strict_refuses_plaintext_only(self):
        self.deny("strict", STRICT, pods=[self.server])
        self.assertTrue(self.allowed(self.client))
        self.assertFalse(self.allowed(self.plain))

    def test_deny_wins_over_allow(self):
        self.mesh.policy("everybody", "Allow", [[[{"principals": [{"Presence": []}]}]]],
                         pods=[self.server])
        self.deny("not-client", [[[{"principals": [principal(self.client)]}]]], pods=[self.server])
        self.assertTrue(self.allowed(self.second))
        self.assertFalse(self.allowed(self.client))

    def test_scopes(self):
        rules = [[[{"principals": [principal(self.client)]}]]]
        for scope, namespace, denied in (("Namespace", "demo", True), ("Namespace", "other", False),
                                         ("Global", "istio-system", True)):
            with self.subTest(scope=scope, namespace=namespace):
                self.deny(f"scoped-{namespace}", rules, scope=scope, namespace=namespace)
                self.assertEqual(self.allowed(self.client), not denied)
                self.clear()

    def test_matchers(self):
        cases = [
            ("namespaces", [{"Exact": "demo"}], True), ("namespaces", [{"Prefix": "de"}], True),
            ("namespaces", [{"Exact": "other"}], False), ("notNamespaces", [{"Exact": "other"}], True),
            ("serviceAccounts", [{"namespace": "demo", "serviceAccount": "client"}], True),
            ("serviceAccounts", [{"namespace": "demo", "serviceAccount": "other"}], False),
            ("sourceIps", [f"{self.client.v4}/32"], True), ("sourceIps", ["198.19.0.0/16"], False),
            ("notSourceIps", [f"{self.client.v4}/32"], False),
            ("destinationIps", [f"{self.server.v4}/32"], True),
            ("destinationPorts", [8080], True), ("destinationPorts", [15008], False),
            ("notDestinationPorts", [8080], False),
            ("principals", [{"Suffix": "/sa/client"}], True),
        ]
        for number, (field, values, denied) in enumerate(cases):
            with self.subTest(field=field, values=values):
                self.mesh.policies, self.server.policies = [], []
                self.deny(f"matcher-{number}", [[[{field: values}]]], pods=[self.server])
                self.assertEqual(self.allowed(self.client), not denied)

    def test_source_ip_v6(self):
        self.serve(self.server, traffic.tell_peer, v6=True)
        self.deny("six", [[[{"sourceIps": [f"{self.client.v6}/128"]}]]], pods=[self.server])
        self.assertFalse(self.allowed(self.client, v6=True))
        self.assertTrue(self.allowed(self.second, v6=True))

    def test_dry_run_is_not_enforced(self):
        self.mesh.policy("dry", "Deny", [[[{"principals": [{"Presence": []}]}]]], pods=[self.server])
        self.mesh.policies[-1]["dryRun"] = True
        self.apply()
        self.assertTrue(self.allowed(self.client))
