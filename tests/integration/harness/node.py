"""A node of the mesh: a namespace with an agent and a daemon in it, and what they can be asked.

The daemon is `culvert`, or what `program` names: it is started with the same environment, against the
same control plane and agent.
"""

import json
import os
import secrets

from . import answers, traffic
from .process import Process, wait_for

CONTROL = 2  # the control plane's address number
ADMIN, STATS, READY = 15000, 15020, 15021


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
            *self.mesh.prefix.get("agent", []), self.mesh.ctl, "agent", "--zds-socket", self.zds,
            "--control-socket", self.socket, "--state-dir", os.path.join(self.dir, "agent")],
            self.log + "-agent.log", netns=self.ns)
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
            "CLUSTER_ID": "Kubernetes", "RUST_LOG": "info",
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
            return answers.parse_http(traffic.receive_all(s))
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
        return answers.parse_metrics(text)

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


def write_secret(path, text):
    """A file that only its owner may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
