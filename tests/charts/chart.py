"""The chart as Helm renders it."""

import json
import os
import pathlib
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy" / "helm" / "culvert"
KUBERNETES = ["1.30.0", "1.34.0", "1.37.0"]
OPTIONAL = ("networkPolicy", "podMonitor", "prometheusRule", "dashboard")


class Strict(yaml.SafeLoader):
    """As the API server reads it with strict field validation: no key twice."""


def unique(loader, node, deep=False):
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise AssertionError(f"{twice} twice in a mapping at line {node.start_mark.line + 1}")
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, unique)


def template(values=None, namespace="istio-system", files=(), version=KUBERNETES[1]):
    """`helm template` with these values, as JSON on its standard input; the finished process."""
    command = [os.environ["CULVERT_HELM"], "template", "ztunnel", str(CHART), "--namespace", namespace,
               "--kube-version", version, "--values", "-"]
    for file in files:
        command += ["--values", str(file)]
    return subprocess.run(command, input=json.dumps(values or {}), capture_output=True, text=True,
                          timeout=120, check=False)


def render(values=None, **options):
    """The objects that the chart makes of these values, as (kind, name) -> object."""
    done = template(values, **options)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    objects = [one for one in yaml.load_all(done.stdout, Strict) if one]
    found = {(one["kind"], one["metadata"]["name"]): one for one in objects}
    assert len(found) == len(objects), "two objects of one kind and name"
    return found


def daemonset(values=None, **options):
    return render(values, **options)["DaemonSet", "ztunnel"]


def pod(values=None, **options):
    return daemonset(values, **options)["spec"]["template"]["spec"]


def container(values=None, **options):
    (only,) = pod(values, **options)["containers"]
    return only


def environment(values=None, **options):
    """Names and values, or where they come from."""
    listed = container(values, **options)["env"]
    found = {one["name"]: one.get("value", one.get("valueFrom")) for one in listed}
    assert len(found) == len(listed), "a variable is set twice"
    return found
