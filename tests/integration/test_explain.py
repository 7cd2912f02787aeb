"""`culvertctl explain` over the config dump of a daemon that runs: what it says is what happens."""

from harness import traffic
from harness.process import wait_for
from standard import MeshTest


class Explain(MeshTest):
    def explain(self, source, destination):
        return self.node_a.ns.run(self.mesh.ctl, "explain", source, destination)

    def test_explain_says_what_happens(self):
        self.serve(self.server, traffic.tell_peer)
        cases = ((f"{self.server.v4}:8080", f"HBONE to {self.server.v4}:15008"),
                 (f"[{self.server.v6}]:8080", f"HBONE to [{self.server.v6}]:15008"),
                 ("198.19.0.2:80", "demo/single.demo.svc.cluster.local"),
                 (f"{self.plain.v4}:8080", f"plain TCP to {self.plain.v4}:8080"),
                 (f"{self.mesh.outside_v4}:8080", "the mesh knows neither"))
        for source in ("demo/client", self.client.v4):
            for destination, words in cases:
                with self.subTest(source=source, destination=destination):
                    run = self.explain(source, destination)
                    self.assertEqual(run.returncode, 0, run.stderr)
                    self.assertIn(words, run.stdout)
        self.assertIn("one of 2 endpoints", self.explain("demo/client", "198.19.0.1:80").stdout)

    def test_explain_names_the_policy(self):
        self.serve(self.server, traffic.tell_peer)
        address = (self.server.v4, 8080)
        before = self.mesh.policies[:], self.server.policies[:]

        def put_back():
            self.mesh.policies, self.server.policies = before
            self.mesh.write_config()
            wait_for(lambda: not self.refused(self.client, address), "the policy to be gone")
        self.addCleanup(put_back)
        self.mesh.policy("not-client", "Deny", [[[{"principals": [
            {"Exact": self.client.identity.removeprefix("spiffe://")}]}]]], pods=[self.server])
        self.mesh.write_config()
        wait_for(lambda: self.refused(self.client, address), "the policy to refuse")

        def says():
            return "refused" in (run := self.explain("demo/client", f"{self.server.v4}:8080").stdout) and run
        self.assertIn("explicitly denied by: demo/not-client", wait_for(says, "node-a to know it"))
        self.assertIn("inbound: allowed", self.explain("demo/second", f"{self.server.v4}:8080").stdout)

    def test_explain_says_what_is_wrong(self):
        for words, reason in ((("demo/nobody", "198.18.0.1:80"), "no workload demo/nobody"),
                              (("demo/client", "nonsense"), "nonsense")):
            run = self.explain(*words)
            self.assertEqual(run.returncode, 1, run.stdout)
            self.assertIn(reason, run.stderr)
