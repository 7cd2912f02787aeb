"""Alerts and dashboard: what they ask for exists, and the alerts fire when they should."""

import json
import os
import re
import subprocess
import tempfile
import unittest

import yaml

import chart

HERE = chart.ROOT / "tests" / "charts"
ALERTS = chart.CHART / "files" / "alerts.yaml"
DASHBOARD = chart.CHART / "files" / "dashboard.json"

# Not the daemon's: Prometheus' own, and that of kube-state-metrics.
FOREIGN = {"up", "kube_daemonset_status_number_unavailable"}


def promtool(*words):
    return subprocess.run([os.environ["CULVERT_PROMTOOL"], *map(str, words)], capture_output=True,
                          text=True, timeout=120, check=False)


def temporary(text):
    # pylint: disable-next=consider-using-with
    file = tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8")
    file.write(text)
    file.flush()
    return file


def exposed():
    """Sample names of the daemon, from its sources."""
    names = set()
    for path in (chart.ROOT / "src").rglob("*.cpp"):
        names.update(re.findall(r'"((?:istio|workload_manager|process|culvert)_[a-z_]+)"',
                                path.read_text(encoding="utf-8")))
    return names | {f"{name}_{end}" for name in names for end in ("total", "bucket")}


def asked_for(expression):
    """Names of metrics in a PromQL expression."""
    without_strings = re.sub(r'"[^"]*"', "", expression)
    without_labels = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(?:by|on) \([^)]*\)", "", without_strings)
    return {name for name in re.findall(r"\b([a-z_]{2,})\b(?! ?\()", without_labels) if "_" in name
            } | set(re.findall(r"\bup\b", without_labels))


class Alerts(unittest.TestCase):
    def rules(self):
        (group,) = yaml.load(ALERTS.read_text(encoding="utf-8"), chart.Strict)["groups"]
        return group["rules"]

    def test_alerts_are_valid_and_in_the_chart_as_they_are(self):
        done = promtool("check", "rules", "--lint-fatal", ALERTS)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        rule = chart.render({"prometheusRule": {"enabled": True}})["PrometheusRule", "ztunnel"]
        self.assertEqual(rule["spec"]["groups"][0]["rules"], self.rules())

    def test_every_alert_fires_and_holds_its_peace(self):
        text = (HERE / "alerts_test.yaml").read_text(encoding="utf-8")
        with temporary(text.replace("RULES", str(ALERTS))) as file:
            done = promtool("test", "rules", file.name)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        cases = [case for one in yaml.safe_load(text)["tests"] for case in one["alert_rule_test"]]
        fired = {case["alertname"] for case in cases if case.get("exp_alerts")}
        self.assertEqual(fired, {rule["alert"] for rule in self.rules()})

    def test_alerts_ask_for_metrics_that_exist(self):
        for rule in self.rules():
            self.assertLessEqual(asked_for(rule["expr"]), exposed() | FOREIGN, rule["alert"])

    def test_alerts_say_what_happened_and_what_it_means(self):
        for rule in self.rules():
            self.assertIn(rule["labels"]["severity"], ("critical", "warning", "info"))
            self.assertEqual(set(rule["annotations"]), {"summary", "description"}, rule["alert"])


class Dashboard(unittest.TestCase):
    def dashboard(self):
        return json.loads(DASHBOARD.read_text(encoding="utf-8"))

    def queries(self):
        for panel in self.dashboard()["panels"]:
            for target in panel["targets"]:
                yield panel["title"], target["expr"]

    def test_dashboard_is_in_the_chart_as_it_is(self):
        found = chart.render({"dashboard": {"enabled": True}})["ConfigMap", "ztunnel-dashboard"]
        self.assertEqual(json.loads(found["data"]["culvert.json"]), self.dashboard())

    def test_dashboard_asks_for_metrics_that_exist(self):
        for title, query in self.queries():
            self.assertTrue(asked_for(query), title)
            self.assertLessEqual(asked_for(query), exposed(), title)

    def test_dashboard_has_queries_that_parse(self):
        rules = [{"record": f"panel:{number}", "expr": query.replace("$__rate_interval", "5m")}
                 for number, (_, query) in enumerate(self.queries())]
        with temporary(json.dumps({"groups": [{"name": "panels", "rules": rules}]})) as file:
            done = promtool("check", "rules", file.name)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_dashboard_shows_the_chosen_daemons_only(self):
        for title, query in self.queries():
            selectors = re.findall(r"\b(?:istio|workload_manager|process|culvert)_[a-z_]+(\{[^}]*\})?",
                                   query)
            for selector in selectors:
                self.assertIn('instance=~"$instance"', selector, title)

    def test_dashboard_panels_do_not_overlap(self):
        taken = set()
        for panel in self.dashboard()["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                     for y in range(at["y"], at["y"] + at["h"])}
            self.assertFalse(taken & cells, panel["title"])
            self.assertLessEqual(at["x"] + at["w"], 24, panel["title"])
            taken |= cells
        ids = [panel["id"] for panel in self.dashboard()["panels"]]
        self.assertEqual(len(ids), len(set(ids)))

    def test_metric_names_are_found_in_expressions(self):
        """The check itself."""
        self.assertEqual(asked_for('sum by (a_b) (rate(x_total{c_d="e_f"}[5m])) / on (g_h) y_z > 1'),
                         {"x_total", "y_z"})
        self.assertNotIn("istio_tcp_no_such_thing", exposed())
        self.assertLessEqual({"istio_xds_message_total", "istio_dns_requests_total",
                              "istio_dns_upstream_request_duration_seconds_bucket"}, exposed())
