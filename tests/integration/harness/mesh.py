"""A mesh of the real programs: a control plane, nodes with an agent and a daemon each, and pods.

Nodes and pods are namespaces on one bridge.
"""

import json
import os
import shutil
import tempfile

from .netns import Fabric, remove_leftovers
from .node import CONTROL, Node, write_secret
from .process import Process, wait_for

FIRST_NODE = 10
FIRST_POD = 256


class Pod:
    def __init__(self, mesh, name, node, number, enrolled, protocol, account):
        self.mesh, self.name, self.node, self.number = mesh, name, node, number
        self.namespace, self.account = "demo", account or name
        self.ns = mesh.fabric.attach(name, number)
        self.v4, self.v6 = mesh.fabric.v4(number), mesh.fabric.v6(number)
        self.enrolled, self.protocol = enrolled, protocol
        self.services, self.policies, self.extra = {}, [], {}

    @property
    def uid(self):
        return f"Kubernetes//Pod/{self.namespace}/{self.name}"

    @property
    def identity(self):
        return f"spiffe://cluster.local/ns/{self.namespace}/sa/{self.account}"

    def record(self):
        return {
            "uid": self.uid, "name": self.name, "namespace": self.namespace,
            "serviceAccount": self.account, "trustDomain": "cluster.local",
            "workloadIps": [self.v4, self.v6], "protocol": self.protocol, "node": self.node.name,
            "workloadName": self.name, "workloadType": "pod", "canonicalName": self.name,
            "canonicalRevision": "v1", "clusterId": "Kubernetes",
            "authorizationPolicies": self.policies, "services": self.services, **self.extra,
        }


class Mesh:
    """Use as a context manager; start() when the pods are added."""

    def __init__(self, bin_dir, logs, label="mesh", nodes=("node-a", "node-b"), env=None):
        remove_leftovers()
        self.culvert = os.path.abspath(os.path.join(bin_dir, "culvert"))
        self.ctl = os.path.abspath(os.path.join(bin_dir, "culvertctl"))
        self.logs, self.label, self.env = os.path.abspath(logs), label, dict(env or {})
        os.makedirs(self.logs, exist_ok=True)
        for old in os.listdir(self.logs):
            if old.startswith(label + "-"):
                os.remove(os.path.join(self.logs, old))
        self.dir = tempfile.mkdtemp(prefix="culvert-mesh-")
        self.fabric = Fabric(label)
        self.control_ns = self.fabric.attach("control", CONTROL)
        self.control = None
        self.services, self.policies = [], []
        self.padding = []  # records of workloads that nobody runs
        self.nodes = [Node(self, n, FIRST_NODE + i) for i, n in enumerate(nodes)]
        self.tokens = os.path.join(self.dir, "tokens")
        write_secret(self.tokens, "".join(f"{n.name}:{n.token}\n" for n in self.nodes))
        self.prefix = {}  # words before the command of a program: "control", "agent", "daemon"
        self.pods = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def state(self, name):
        return os.path.join(self.dir, "control", name)

    def pod(self, name, node=0, enrolled=True, protocol=None, account=None, number=None):
        number = number or FIRST_POD + len(self.pods)
        pod = Pod(self, name, self.nodes[node], number, enrolled,
                  protocol or ("HBONE" if enrolled else "TCP"), account)
        self.pods[name] = pod
        return pod

    def service(self, name, number, ports, pods, **extra):
        """A service whose VIPs are the addresses 198.19.x.y and 2001:2:0:1::n of `number`."""
        v4, v6 = f"198.19.{number >> 8}.{number & 255}", f"2001:2:0:1::{number:x}"
        host = f"{name}.demo.svc.cluster.local"
        self.services.append({
            "name": name, "namespace": "demo", "hostname": host, "vips": [f"/{v4}", f"/{v6}"],
            "ports": ports, "canonical": True, **extra})
        for pod in pods:
            pod.services[f"demo/{host}"] = ports
        return v4, v6

    def policy(self, name, action, rules, scope="WorkloadSelector", pods=(), namespace="demo"):
        self.policies.append({"name": name, "namespace": namespace, "scope": scope,
                              "action": action, "dryRun": False, "rules": rules})
        for pod in pods:
            pod.policies.append(f"{namespace}/{name}")

    def document(self):
        return {"workloads": [p.record() for p in self.pods.values()] + self.padding,
                "services": self.services, "policies": self.policies}

    def write_config(self):
        """Replaces the mesh file in one step; JSON is YAML."""
        path = os.path.join(self.dir, "mesh.yaml")
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(self.document(), file, indent=1)
        os.rename(path + ".new", path)
        return path

    def start_control(self):
        self.control = Process("control plane", [
            *self.prefix.get("control", []), self.ctl, "control", "--config", self.write_config(),
            "--state-dir", os.path.join(self.dir, "control"), "--token-file", self.tokens,
            "--listen", f"{self.fabric.v4(CONTROL)}:15012"],
            os.path.join(self.logs, f"{self.label}-control.log"), netns=self.control_ns)

        def listening():
            if not self.control.running():
                raise RuntimeError(f"control plane ended:\n{self.control.log()[-2000:]}")
            try:
                self.control_ns.connect((self.fabric.v4(CONTROL), 15012), 1).close()
            except OSError:
                return False
            return os.path.exists(self.state("root-cert.pem"))
        wait_for(listening, "the control plane to listen")

    def start(self):
        self.start_control()
        for node in self.nodes:
            node.start_agent()
            node.start_daemon(wait=False)
        for node in self.nodes:
            node.wait_ready()
        for pod in self.pods.values():
            if pod.enrolled:
                self.enroll(pod)
        return self

    def culvertctl(self, node, *words):
        """Runs culvertctl in the node's namespace."""
        return node.ns.run(self.ctl, *words)

    def enroll(self, pod, *options):
        run = self.culvertctl(pod.node, "enroll", "--netns", pod.ns.name, "--workload",
                              f"{pod.namespace}/{pod.name}/{pod.account}",
                              "--control-socket", pod.node.socket, *options)
        if run.returncode != 0:
            raise RuntimeError(f"enroll {pod.name}: {run.stdout}{run.stderr}")
        return run

    def withdraw(self, pod):
        return self.culvertctl(pod.node, "withdraw", "--netns", pod.ns.name,
                               "--control-socket", pod.node.socket)

    def close(self):
        for node in self.nodes:
            node.stop()
        if self.control:
            self.control.stop()
        self.fabric.remove()
        shutil.rmtree(self.dir, ignore_errors=True)
