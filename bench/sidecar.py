"""Pods with a real Envoy each, as Istio's sidecars are, on the same bridge as the other variants."""

import json
import os
import shutil
import tempfile

import envoy
import population
import tools
from harness import answers, certificates, traffic
from harness.netns import Fabric
from harness.process import Process, wait_for

GROUP = 1337  # what runs as this group is the sidecar: its packets are not redirected to itself
NOT_FOR_SIDECARS = (15008, 15020, 15021, 15090)
CONCURRENCY = 2  # Istio takes the sidecar's CPU limit, whose default is two cores

REDIRECTION = f"""
table ip sidecar {{
  chain out {{
    type nat hook output priority -100;
    ip protocol != tcp return
    meta skgid {GROUP} return
    oifname "lo" return
    ip daddr 127.0.0.1 return
    ip protocol tcp redirect to :{envoy.OUTBOUND}
  }}
  chain in {{
    type nat hook prerouting priority dstnat;
    iifname "lo" return
    tcp dport {{ {", ".join(map(str, NOT_FOR_SIDECARS))} }} return
    ip protocol tcp redirect to :{envoy.INBOUND}
  }}
}}
"""


class Pod:
    """A namespace, its certificate, its redirection and its Envoy, which is not started yet."""

    def __init__(self, group, name, number, log):
        self.name, self.ns, self.v4 = name, group.fabric.attach(name, number), group.fabric.v4(number)
        self.proof = group.issuer.issue(name, population.identity(name))
        self.config, self.log, self.process = os.path.join(group.dir, f"{name}.json"), log, None
        run = self.ns.run("nft", "-f", "-", input=REDIRECTION)
        if run.returncode != 0:
            raise RuntimeError(f"redirection of {name}: {run.stderr}")

    def start(self, binary, services, port, root):
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump(envoy.sidecar(self.name, services, port, *self.proof, root), file)
        # The process that is started is Envoy in the end, of user root so that it may read the keys.
        self.process = Process(f"sidecar of {self.name}", [
            "setpriv", f"--regid={GROUP}", "--clear-groups", "--pdeathsig=KILL", binary, "--config-path",
            self.config, "--concurrency", CONCURRENCY, "--disable-hot-restart", "--log-level", "warning",
            "--file-flush-interval-msec", "1000", "--local-address-ip-version", "v4"], self.log, netns=self.ns)
        wait_for(self.ready, f"the sidecar of {self.name}", 60, 0.05)

    def ready(self):
        if not self.process.running():
            raise RuntimeError(f"the sidecar of {self.name} ended:\n{self.process.log()[-3000:]}")
        try:
            with self.ns.connect(("127.0.0.1", envoy.ADMIN), 5) as s:
                s.sendall(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return answers.parse_http(traffic.receive_all(s))[0] == 200
        except OSError:
            return False


class Sidecars:
    """A client's pods and one server's; started one after the other, since each start computes."""

    def __init__(self, label, logs, services, port):
        self.binary, self.port, self.logs = tools.envoy(), port, os.path.abspath(logs)
        os.makedirs(self.logs, exist_ok=True)
        self.dir = tempfile.mkdtemp(prefix="culvert-sidecars-")
        self.fabric, self.pods = Fabric(label), []
        self.issuer = certificates.Issuer(os.path.join(self.dir, "root"))
        self.services = population.neighbours(self.fabric, services, port)

    def pod(self, name, number):
        log = os.path.join(self.logs, f"sidecars-{name}.log")
        if os.path.exists(log):
            os.remove(log)
        self.pods.append(Pod(self, name, number, log))
        return self.pods[-1]

    def serve(self, name, number, server):
        """Puts a service in front of a pod; returns its address."""
        service = population.Service(population.host(name), population.vip(number), self.port, (server.v4,),
                                     (population.identity(server.name),))
        self.services.append(service)
        return service.vip

    def start(self):
        for pod in self.pods:
            pod.start(self.binary, self.services, self.port, self.issuer.cert)

    def close(self):
        for pod in self.pods:
            if pod.process:
                pod.process.stop()
        self.fabric.remove()
        shutil.rmtree(self.dir, ignore_errors=True)
