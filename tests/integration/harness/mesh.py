"""A mesh of the real programs: control plane, and for each node an agent and a daemon.

Nodes and pods are namespaces on one bridge. The daemon of a node is `culvert`, or the program that
`peer` names: it is started with the same environment, against the same control plane and agent.
"""

import json
import os
import secrets
import shutil
import tempfile

from .netns import Fabric, remove_leftovers
from .process import Process, wait_for

CONTROL = 2  # the control plane's address number
FIRST_NODE = 10
FIRST_POD = 256
ADMIN, STATS, READY = 15000, 15020, 15021


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


class Node:
    def __init__(self, mesh, name, number):
        self.mesh, self.name = mesh, name
        self.ns = mesh.fabric.attach(name, number)
        self.dir = os.path.join(mesh.dir, name)
        os.makedirs(self.dir)
        self.zds = os.path.join(self.dir, "zds.sock")
        self.socket = os.path.join(self.dir, "agent.sock")
        self.token, self.token_file = secrets.token_hex(32), os.path.join(self.dir, "token")
        write_secret(self.token_file, self.token)
        self.env, self.program = {}, None  # program: another daemon than culvert
        self.agent = self.daemon = None
        self.mark = 0  # access() looks at what was logged after this
        self.log = os.path.join(mesh.logs, f"{mesh.label}-{name}")

    def start_agent(self):
        self.agent = Process(f"{self.name} agent", [
            *self.mesh.prefix.get("agent", []), self.mesh.ctl, "agent", "--zds-socket", self.zds, "--control-socket", self.socket,
            "--state-dir", os.path.join(self.dir, "agent")], self.log + "-agent.log", netns=self.ns)
        wait_for(lambda: os.path.exists(self.socket) or not self.agent.running(),
                 f"the agent of {self.name}")
        if not self.agent.running():
            raise RuntimeError(f"agent of {self.name} ended:\n{self.agent.log()[-2000:]}")

    def environment(self):
        control = f"https://{self.mesh.fabric.v4(CONTROL)}:15012"
        root = self.mesh.state("root-cert.pem")
        return {
            "XDS_ADDRESS": control, "CA_ADDRESS": control, "XDS_ROOT_CA": root, "CA_ROOT_CA": root,
            "AUTH_TOKEN": self.token_file, "NODE_NAME": self.name, "INPOD_UDS": self.zds,
            "ISTIO_META_DNS_CAPTURE": "false", "CLUSTER_ID": "Kubernetes", "RUST_LOG": "info",
            "NETWORK": "", **self.mesh.env, **self.env,
        }

    def start_daemon(self, wait=True, program=None, output=None):
        program = program or self.program or self.mesh.culvert
        command = [*self.mesh.prefix.get("daemon", []), program, "proxy", "ztunnel"]
        self.daemon = Process(f"{self.name} daemon", command, self.log + ".log",
                              env=self.environment(), netns=self.ns, output=output)
        if wait:
            self.wait_ready()
        return self.daemon

    def wait_ready(self, seconds=30):
        def ready():
            if not self.daemon.running():
                raise RuntimeError(f"daemon of {self.name} ended with {self.daemon.popen.returncode}:"
                                   f"\n{self.daemon.log()[-3000:]}")
            return self.readiness()[0] == 200
        wait_for(ready, f"{self.name} to be ready: {self.readiness()}", seconds)

    def http(self, port, path, method="GET", headers=None, timeout=10):
        """(status, text) of a request made inside the node's namespace; (0, reason) on failure."""
        host = "127.0.0.1"
        s = None
        try:
            s = self.ns.connect((host, port), timeout)
            lines = [f"{method} {path} HTTP/1.1", f"Host: {host}:{port}", "Connection: close",
                     *(f"{k}: {v}" for k, v in (headers or {}).items()), "", ""]
            s.sendall("\r\n".join(lines).encode())
            return parse_http(read_all(s))
        except OSError as error:
            return 0, str(error)
        finally:
            if s:
                s.close()

    def readiness(self):
        return self.http(READY, "/healthz/ready", timeout=2)

    def metrics(self):
        """Samples of /metrics: {name: [(labels, value), ...]}."""
        status, text = self.http(STATS, "/metrics")
        if status != 200:
            raise RuntimeError(f"metrics of {self.name}: {status} {text[:200]}")
        return parse_metrics(text)

    def metric(self, name, **labels):
        """The sum of the samples of a name whose labels agree."""
        return sum(v for have, v in self.metrics().get(name, [])
                   if all(have.get(k) == x for k, x in labels.items()))

    def config_dump(self):
        status, text = self.http(ADMIN, "/config_dump")
        if status != 200:
            raise RuntimeError(f"config_dump of {self.name}: {status} {text[:200]}")
        return json.loads(text)

    def access(self, *patterns):
        """Lines of the access log since the last start_watching() that contain every pattern."""
        return self.daemon.lines(r"\taccess\t|\"scope\":\"access\"", *patterns, since=self.mark)

    def start_watching(self):
        self.mark = self.daemon.mark()

    def stop(self):
        for process in (self.daemon, self.agent):
            if process:
                process.stop()


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


def write_secret(path, text):
    """A file that only its owner may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def read_all(s):
    data = bytearray()
    while chunk := s.recv(1 << 16):
        data += chunk
    return bytes(data)


def parse_http(data):
    head, _, body = data.partition(b"\r\n\r\n")
    if not head:
        return 0, "no answer"
    lines = head.decode("latin-1").split("\r\n")
    if any(x.lower().startswith("transfer-encoding: chunked") for x in lines):
        body = dechunk(body)
    return int(lines[0].split()[1]), body.decode("utf-8", "replace")


def dechunk(body):
    out = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if length == 0:
            break
        out, body = out + body[:length], body[length + 2:]
    return out


def parse_metrics(text):
    samples = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        name, labels, rest = line, {}, ""
        if "{" in line:
            name, _, tail = line.partition("{")
            labels, rest = parse_labels(tail)
        else:
            name, _, rest = line.partition(" ")
        samples.setdefault(name, []).append((labels, float(rest.split()[0])))
    if not text.endswith("# EOF\n"):
        raise ValueError("metrics do not end with # EOF")
    return samples


def parse_labels(tail):
    labels, i = {}, 0
    while tail[i] != "}":
        equal = tail.index("=", i)
        key, j, value = tail[i:equal].lstrip(","), equal + 2, ""
        while tail[j] != '"':
            if tail[j] == "\\":
                j += 1
            value += tail[j]
            j += 1
        labels[key], i = value, j + 1
    return labels, tail[i + 1:]


