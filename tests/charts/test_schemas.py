"""What the chart renders is what the API of three Kubernetes versions takes, strictly."""

import itertools
import os
import subprocess
import unittest

import kubernetes_validate

import chart

# Kinds of the Prometheus operator, which no Kubernetes version has: the fields that it reads.
# monitoring.coreos.com/v1, PodMonitorSpec and PrometheusRuleSpec.
OPERATOR = {
    "PodMonitor": {
        "selector": {"matchLabels": dict},
        "podMetricsEndpoints": [{"port": str, "path": str, "interval": str,
                                 "relabelings": [{"sourceLabels": list, "targetLabel": str}]}],
    },
    "PrometheusRule": {
        "groups": [{"name": str, "rules": [{"alert": str, "expr": str, "for": str, "labels": dict,
                                            "annotations": dict}]}],
    },
}

# One of each row at a time, beside the defaults; then all of the last of each row together.
CHOICES = [
    [{"image": "host/culvert:1"}, {"hub": "host/x", "tag": "2", "imagePullPolicy": "Always"}],
    [{"imagePullSecrets": ["one"]}, {"revision": "canary", "network": "n"}],
    [{"xdsAddress": "x:1"}, {"caAddress": "https://[2001:2::1]:15012"}],
    [{"logAsJson": True}, {"logLevel": "off,access=info"}],
    [{"env": {"A": 1, "B": True}}, {"env": {"A": "x: y # z", "B": ""}}],
    [{"resources": None}, {"resources": {"requests": {"cpu": 0.5}, "limits": {"cpu": 2, "memory": "1Gi"}}}],
    [{"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}},
     {"updateStrategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "10%"}}}],
    [{"seccompProfile": {"type": "Unconfined"}},
     {"seccompProfile": {"type": "Localhost", "localhostProfile": "culvert.json"}}],
    [{"platform": "openshift"}, {"platform": "gke"}, {"seLinuxOptions": {"type": "spc_t"}}],
    [{"tolerations": [], "nodeSelector": {"a": "b"}},
     {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
         "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]}}}}],
    [{"labels": {"a": "b"}, "annotations": {"c": "d"}}, {"podLabels": {"a": "1"}, "podAnnotations": {}}],
    [{"dnsPolicy": "None", "dnsConfig": {"nameservers": ["198.18.0.1"]}},
     {"volumes": [{"name": "x", "emptyDir": {}}], "volumeMounts": [{"name": "x", "mountPath": "/x"}]}],
    [{name: {"enabled": True}} for name in chart.OPTIONAL],
    [{name: {"enabled": True} for name in chart.OPTIONAL}],
]


def combinations():
    yield {}
    yield from itertools.chain.from_iterable(CHOICES)
    for index in (0, -1):
        together = {}
        for row in CHOICES[:-2]:
            together |= row[index]
        yield together | CHOICES[-1][0]


def disagreement(shape, value, where):
    """Why a value is not of this shape, or None."""
    if isinstance(shape, type):
        return None if isinstance(value, shape) and value else f"{where} is no {shape.__name__}"
    if isinstance(shape, list):
        if not isinstance(value, list) or not value:
            return f"{where} is no list"
        found = (disagreement(shape[0], one, f"{where}[{n}]") for n, one in enumerate(value))
        return next(filter(None, found), None)
    unknown = set(value) - set(shape)
    if unknown:
        return f"{where} has {unknown}"
    found = (disagreement(shape[key], one, f"{where}.{key}") for key, one in value.items())
    return next(filter(None, found), None)


class Schemas(unittest.TestCase):
    def check(self, one, version):
        kind = one["kind"]
        if kind in OPERATOR:
            self.assertEqual(one["apiVersion"], "monitoring.coreos.com/v1")
            self.assertIsNone(disagreement(OPERATOR[kind], one["spec"], kind))
        else:
            kubernetes_validate.validate(one, version, strict=True)

    def test_every_combination_is_valid_for_three_versions_of_kubernetes(self):
        kinds = set()
        for values in combinations():
            for version in chart.KUBERNETES:
                with self.subTest(values=values, version=version):
                    for (kind, _), one in chart.render(values, version=version).items():
                        self.check(one, version)
                        kinds.add(kind)
        self.assertEqual(kinds, {"ServiceAccount", "DaemonSet", "Role", "RoleBinding", "NetworkPolicy",
                                 "PodMonitor", "PrometheusRule", "ConfigMap", "ResourceQuota"})

    def test_schemas_find_what_is_wrong(self):
        """The check itself: it is strict, and knows the fields."""
        one = chart.daemonset()
        for break_it in (lambda spec: spec.update(serviceAcountName="x"),
                         lambda spec: spec.update(terminationGracePeriodSeconds="soon"),
                         lambda spec: spec["containers"][0].pop("name")):
            broken = chart.daemonset()
            break_it(broken["spec"]["template"]["spec"])
            self.assertNotEqual(broken, one)
            with self.assertRaises(kubernetes_validate.ValidationError):
                self.check(broken, chart.KUBERNETES[0])
        rule = chart.render({"prometheusRule": {"enabled": True}})["PrometheusRule", "ztunnel"]
        rule["spec"]["groups"][0]["rules"][0]["expresion"] = rule["spec"]["groups"][0]["rules"][0].pop("expr")
        self.assertIsNotNone(disagreement(OPERATOR["PrometheusRule"], rule["spec"], "rule"))

    def test_helm_lint_has_no_complaint(self):
        done = subprocess.run([os.environ["CULVERT_HELM"], "lint", "--strict", "--kube-version",
                               chart.KUBERNETES[0], str(chart.CHART)],
                              capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotRegex(done.stdout, r"\[(WARNING|ERROR)\]")
