"""A wrong value ends `helm template` and `helm install` in one sentence: which, why, what to do."""

import unittest

import chart

# Values, and words that the sentence has to have.
SENTENCES = [
    ({"image": "https://host/x:1"}, ["image", "without https://"]),
    ({"image": "host/culvert"}, ["image", "host/culvert:TAG"]),
    ({"image": "Culvert"}, ["image", "Culvert", "ztunnel"]),
    ({"image": "ztunnel:1.0"}, ["image", "ztunnel:1.0", "value `tag`"]),
    ({"hub": "https://host/x"}, ["hub", "without https://"]),
    ({"hub": "host/x/"}, ["hub", "slash at the end"]),
    ({"tag": "sha256:1"}, ["tag", "HOST/PATH@sha256:DIGEST"]),
    ({"imagePullSecrets": [{"name": "x"}]}, ["imagePullSecrets", "names"]),
    ({"xdsAddress": "http://istiod:15010"}, ["xdsAddress", "not encrypted", "https://"]),
    ({"caAddress": "istiod"}, ["caAddress", "istiod", "HOST:PORT"]),
    ({"xdsAddress": "2001:2::1:15012 "}, ["xdsAddress", "HOST:PORT"]),
    ({"socketDirectory": "run/ztunnel"}, ["socketDirectory", "absolute"]),
    ({"revision": "1.32"}, ["revision", "1.32", "lower-case"]),
    ({"istioNamespace": ""}, ["istioNamespace", "istio-system"]),
    ({"istioNamespace": "Istio"}, ["istioNamespace", "Istio"]),
    ({"platform": "k3s"}, ["platform", "k3s", "leave it empty"]),
    ({"logLevel": "loud"}, ["logLevel", "loud", "info"]),
    ({"logLevel": "info,access:debug"}, ["logLevel", "access:debug", "access=debug"]),
    ({"env": {"a-b": "c"}}, ["env", "a-b", "letters"]),
    ({"env": {"NODE_NAME": "x"}}, ["env.NODE_NAME", "pod itself"]),
    ({"env": {"RUST_LOG": "debug"}}, ["env.RUST_LOG", "logLevel"]),
    ({"env": {"CRL_PATH": "/x"}}, ["env.CRL_PATH", "revoked certificates"]),
    ({"meshConfig": {"defaultConfig": {"proxyMetadata": {"XDS_ADDRESS": "x"}}}},
     ["proxyMetadata.XDS_ADDRESS", "xdsAddress"]),
    ({"env": {"A": "1"}, "meshConfig": {"defaultConfig": {"proxyMetadata": {"A": "1"}}}},
     ["env.A", "keep one"]),
    ({"peerCaCrl": {"enabled": True}}, ["peerCaCrl.enabled", "revoked certificates"]),
    ({"profile": "ambient"}, ["profile", "istio/ztunnel", "remove it"]),
    ({"resourceName": "x"}, ["resourceName", "remove it"]),
    ({"labels": {"app": "x"}}, ["labels.app", "remove it"]),
    ({"podLabels": {"istio.io/dataplane-mode": "ambient"}}, ["podLabels.istio.io/dataplane-mode"]),
    ({"labels": {"a": "b"}, "podLabels": {"a": "c"}}, ["podLabels.a", "keep one"]),
    ({"podAnnotations": {"istio.io/rev": "x"}}, ["istio.io/rev", "revision"]),
    ({"nodeSelector": {"kubernetes.io/os": "linux"}}, ["nodeSelector", "kubernetes.io/os"]),
    ({"resources": {"requests": {"cpu": "200mCPU"}}}, ["resources.requests.cpu", "200m"]),
    ({"resources": {"limits": {"memory": "512m"}}}, ["resources.limits.memory", "512Mi"]),
    ({"terminationGracePeriodSeconds": 0}, ["terminationGracePeriodSeconds", "30"]),
    ({"updateStrategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}},
     ["maxSurge", "Kubernetes refuses"]),
    ({"updateStrategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}}, ["maxSurge: 1"]),
    ({"updateStrategy": {"type": "OnDelete"}}, ["OnDelete", "rollingUpdate: null"]),
    ({"seccompProfile": {"type": "Localhost"}}, ["localhostProfile", "files/seccomp.json"]),
    ({"seccompProfile": {"localhostProfile": "x"}}, ["localhostProfile", "type: Localhost"]),
    ({"seccompProfile": {"type": "Localhost", "localhostProfile": "/x"}}, ["below", "culvert.json"]),
    ({"podMonitor": {"interval": "30"}}, ["podMonitor.interval", "30s"]),
]

# What the schema refuses: the place and what would be right.
SCHEMA = [
    ({"logFormat": "json"}, ["logFormat", "not allowed"]),
    ({"tag": 1.0}, ["/tag", "want string"]),
    ({"logAsJson": "yes"}, ["/logAsJson", "want boolean"]),
    ({"imagePullPolicy": "Sometimes"}, ["/imagePullPolicy", "'IfNotPresent'"]),
    ({"terminationGracePeriodSeconds": "30s"}, ["/terminationGracePeriodSeconds", "want integer"]),
    ({"env": {"A": {"valueFrom": {}}}}, ["/env/A", "want boolean or number or string"]),
    ({"podLabels": {"a": 1}}, ["/podLabels/a", "want string"]),
    ({"tolerations": {"operator": "Exists"}}, ["/tolerations", "want array"]),
    ({"seccompProfile": {"type": "Strict"}}, ["/seccompProfile/type", "'Localhost'"]),
    ({"dashboard": {"enabled": "true"}}, ["/dashboard/enabled", "want boolean"]),
    ({"resources": {"request": {}}}, ["/resources", "request"]),
]


class Refusals(unittest.TestCase):
    def test_chart_refuses_a_wrong_value_in_one_sentence(self):
        for values, words in SENTENCES:
            with self.subTest(values=values):
                done = chart.template(values)
                self.assertNotEqual(done.returncode, 0, done.stdout)
                (line,) = [one for one in done.stderr.splitlines()
                           if one and not one.startswith("Use --debug")]
                for word in words:
                    self.assertIn(word, line)

    def test_chart_refuses_what_the_schema_does_not_have(self):
        for values, words in SCHEMA:
            with self.subTest(values=values):
                done = chart.template(values)
                self.assertNotEqual(done.returncode, 0, done.stdout)
                lines = [one for one in done.stderr.splitlines() if one.startswith("- at ")]
                self.assertEqual(len(lines), 1, done.stderr)
                for word in words:
                    self.assertIn(word, lines[0])

    def test_chart_refuses_an_old_kubernetes(self):
        done = chart.template(version="1.24.0")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("1.25.0", done.stderr)
