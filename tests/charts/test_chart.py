"""What the chart makes of its values."""

import unittest

import chart


class Names(unittest.TestCase):
    """istiod, istio-cni, istioctl and dashboards find the daemon by these."""

    def test_chart_has_the_names_that_istio_looks_for(self):
        objects = chart.render()
        self.assertEqual(set(objects), {("ServiceAccount", "ztunnel"), ("DaemonSet", "ztunnel")})
        daemonset = objects["DaemonSet", "ztunnel"]
        self.assertEqual(daemonset["metadata"]["namespace"], "istio-system")
        self.assertEqual(daemonset["spec"]["selector"]["matchLabels"], {"app": "ztunnel"})
        labels = daemonset["spec"]["template"]["metadata"]["labels"]
        for name, value in {"app": "ztunnel", "sidecar.istio.io/inject": "false",
                            "istio.io/dataplane-mode": "none"}.items():
            self.assertEqual(labels[name], value, name)
        self.assertEqual(chart.pod()["serviceAccountName"], "ztunnel")
        only = chart.container()
        self.assertEqual(only["name"], "istio-proxy")
        self.assertEqual(only["args"], ["proxy", "ztunnel"])
        self.assertEqual(only["ports"], [{"name": "ztunnel-stats", "containerPort": 15020,
                                          "protocol": "TCP"}])

    def test_chart_mounts_what_the_daemon_reads(self):
        mounts = {one["mountPath"]: one["name"] for one in chart.container()["volumeMounts"]}
        volumes = {one["name"]: one for one in chart.pod()["volumes"]}
        self.assertEqual(set(mounts), {"/var/run/secrets/istio", "/var/run/secrets/tokens",
                                       "/var/run/ztunnel", "/tmp"})
        self.assertEqual(set(mounts.values()), set(volumes))
        root = volumes[mounts["/var/run/secrets/istio"]]
        self.assertEqual(root["configMap"]["name"], "istio-ca-root-cert")
        (token,) = volumes[mounts["/var/run/secrets/tokens"]]["projected"]["sources"]
        self.assertEqual(token["serviceAccountToken"]["audience"], "istio-ca")
        self.assertEqual(token["serviceAccountToken"]["path"], "istio-token")
        socket = volumes[mounts["/var/run/ztunnel"]]
        self.assertEqual(socket["hostPath"]["path"], "/var/run/ztunnel")


class Privileges(unittest.TestCase):
    def test_chart_grants_two_capabilities_and_nothing_else(self):
        context = chart.container()["securityContext"]
        self.assertEqual(context["capabilities"], {"drop": ["ALL"], "add": ["SYS_ADMIN", "NET_ADMIN"]})
        self.assertFalse(context["privileged"])
        self.assertTrue(context["readOnlyRootFilesystem"])
        self.assertEqual((context["runAsUser"], context["runAsGroup"]), (0, 1337))
        self.assertEqual(context["seccompProfile"], {"type": "RuntimeDefault"})
        for name in ("hostNetwork", "hostPID", "hostIPC"):
            self.assertNotIn(name, chart.pod())

    def test_chart_gives_no_access_to_the_kubernetes_api(self):
        account = chart.render()["ServiceAccount", "ztunnel"]
        self.assertIs(account["automountServiceAccountToken"], False)
        self.assertIs(chart.pod()["automountServiceAccountToken"], False)

    def test_chart_for_openshift_may_use_its_constraints_only(self):
        for values in ({"platform": "openshift"}, {"global": {"platform": "openshift"}}):
            objects = chart.render(values, namespace="kube-system")
            self.assertEqual(objects["Role", "ztunnel"]["rules"], [
                {"apiGroups": ["security.openshift.io"], "resources": ["securitycontextconstraints"],
                 "resourceNames": ["privileged"], "verbs": ["use"]}])
            (subject,) = objects["RoleBinding", "ztunnel"]["subjects"]
            self.assertEqual(subject, {"kind": "ServiceAccount", "name": "ztunnel",
                                       "namespace": "kube-system"})
            context = chart.container(values)["securityContext"]
            self.assertEqual(context["seLinuxOptions"], {"type": "spc_t"})

    def test_chart_has_a_quota_where_the_priority_needs_one(self):
        for values in ({"platform": "gke"}, {"resourceQuotas": {"enabled": True}}):
            spec = chart.render(values)["ResourceQuota", "ztunnel"]["spec"]
            self.assertEqual(spec["hard"], {"pods": "5000"})
            (scope,) = spec["scopeSelector"]["matchExpressions"]
            self.assertEqual(scope["values"], ["system-node-critical"])

    def test_chart_takes_a_seccomp_profile_of_the_node(self):
        profile = {"type": "Localhost", "localhostProfile": "culvert.json"}
        context = chart.container({"seccompProfile": profile})["securityContext"]
        self.assertEqual(context["seccompProfile"], profile)


class Replacement(unittest.TestCase):
    def test_chart_replaces_pods_without_a_gap(self):
        strategy = chart.daemonset()["spec"]["updateStrategy"]
        self.assertEqual(strategy, {"type": "RollingUpdate",
                                    "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}})
        only = chart.container()
        self.assertEqual(only["readinessProbe"]["httpGet"], {"port": 15021, "path": "/healthz/ready"})
        self.assertEqual(only["startupProbe"]["tcpSocket"], {"port": 15021})
        self.assertNotIn("livenessProbe", only)
        self.assertEqual(chart.pod()["priorityClassName"], "system-node-critical")

    def test_chart_tells_the_daemon_how_long_it_may_drain(self):
        values = {"terminationGracePeriodSeconds": 1000000}
        self.assertEqual(chart.pod(values)["terminationGracePeriodSeconds"], 1000000)
        self.assertEqual(chart.environment(values)["TERMINATION_GRACE_PERIOD_SECONDS"], "1000000")


class Values(unittest.TestCase):
    def test_chart_image(self):
        digest = "host/path@sha256:" + "0" * 64
        for values, image in (
                ({}, f"registry.example/culvert/ztunnel:{version()}"),
                ({"hub": "host:5000/a/b", "image": "culvert", "tag": "v2"}, "host:5000/a/b/culvert:v2"),
                ({"image": "host/culvert:1", "tag": "ignored"}, "host/culvert:1"),
                ({"image": digest}, digest)):
            with self.subTest(values=values):
                self.assertEqual(chart.container(values)["image"], image)

    def test_chart_addresses(self):
        for values, xds, ca in (
                ({}, "istiod.istio-system.svc:15012", "istiod.istio-system.svc:15012"),
                ({"revision": "canary", "istioNamespace": "mesh"}, "istiod-canary.mesh.svc:15012",
                 "istiod-canary.mesh.svc:15012"),
                ({"xdsAddress": "https://[2001:2::1]:443", "caAddress": "ca.example:8443"},
                 "https://[2001:2::1]:443", "ca.example:8443")):
            with self.subTest(values=values):
                found = chart.environment(values)
                self.assertEqual((found["XDS_ADDRESS"], found["CA_ADDRESS"]), (xds, ca))

    def test_chart_settings(self):
        found = chart.environment({
            "multiCluster": {"clusterName": "east"}, "network": "net-1", "logLevel": "info,access=debug",
            "logAsJson": True, "env": {"HTTP2_FRAME_SIZE": 1048576, "IPV6_ENABLED": False, "A": "b c"},
            "meshConfig": {"defaultConfig": {"proxyMetadata": {"ISTIO_META_X": "1"}}},
            "resources": {"limits": {"cpu": 2}}})
        for name, value in {
                "ISTIO_META_CLUSTER_ID": "east", "NETWORK": "net-1", "RUST_LOG": "info,access=debug",
                "LOG_FORMAT": "json", "HTTP2_FRAME_SIZE": "1048576", "IPV6_ENABLED": "false",
                "A": "b c", "ISTIO_META_X": "1"}.items():
            self.assertEqual(found[name], value, name)
        self.assertEqual(found["ZTUNNEL_RESOURCE_CPU_LIMIT"],
                         {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1"}})
        without = chart.environment({"resources": None})
        self.assertNotIn("ZTUNNEL_RESOURCE_CPU_REQUEST", without)
        self.assertIn("ZTUNNEL_CPU_LIMIT", without)

    def test_chart_placement(self):
        pod = chart.pod({"nodeSelector": {"pool": "a"}, "tolerations": [], "priorityClassName": "",
                         "affinity": {"nodeAffinity": {}}, "dnsPolicy": "Default"})
        self.assertEqual(pod["nodeSelector"], {"kubernetes.io/os": "linux", "pool": "a"})
        self.assertNotIn("tolerations", pod)
        self.assertNotIn("priorityClassName", pod)
        self.assertEqual(pod["affinity"], {"nodeAffinity": {}})
        self.assertEqual(pod["dnsPolicy"], "Default")

    def test_chart_labels_and_annotations(self):
        objects = chart.render({
            "labels": {"team": "net"}, "podLabels": {"tier": "node"}, "annotations": {"note": "a"},
            "podAnnotations": {"b": "c"}, "revision": "canary", "imagePullSecrets": ["one", "two"],
            "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "dashboard": {"enabled": True, "annotations": {"folder": "Mesh"}}})
        for key, one in objects.items():
            self.assertEqual(one["metadata"]["labels"]["team"], "net", key)
            self.assertEqual(one["metadata"]["annotations"]["note"], "a", key)
            self.assertEqual(one["metadata"]["annotations"]["istio.io/rev"], "canary", key)
        template = objects["DaemonSet", "ztunnel"]["spec"]["template"]["metadata"]
        self.assertEqual(template["labels"]["tier"], "node")
        self.assertEqual(template["annotations"]["istio.io/rev"], "canary")
        self.assertEqual(template["annotations"]["b"], "c")
        account = objects["ServiceAccount", "ztunnel"]
        self.assertEqual(account["imagePullSecrets"], [{"name": "one"}, {"name": "two"}])
        self.assertEqual(objects["PodMonitor", "ztunnel"]["metadata"]["labels"]["release"], "prometheus")
        dashboard = objects["ConfigMap", "ztunnel-dashboard"]["metadata"]
        self.assertEqual(dashboard["labels"]["grafana_dashboard"], "1")
        self.assertEqual(dashboard["annotations"]["folder"], "Mesh")

    def test_chart_network_policy_lets_the_daemon_out_to_what_it_needs(self):
        values = {"networkPolicy": {"enabled": True}, "xdsAddress": "x.example:443"}
        spec = chart.render(values)["NetworkPolicy", "ztunnel"]["spec"]
        out = {(one["port"], one["protocol"]) for rule in spec["egress"] for one in rule["ports"]}
        self.assertEqual(out, {(53, "UDP"), (53, "TCP"), (443, "TCP"), (15012, "TCP")})
        inward = {one["port"] for rule in spec["ingress"] for one in rule["ports"]}
        self.assertEqual(inward, {15020, 15021, 15008})


def version():
    text = (chart.ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    return text.split("project(culvert VERSION ")[1].split()[0]


class Version(unittest.TestCase):
    def test_chart_has_the_daemons_version(self):
        text = (chart.CHART / "Chart.yaml").read_text(encoding="utf-8")
        self.assertIn(f'appVersion: "{version()}"', text)
