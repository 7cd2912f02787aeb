"""One way from client to server: direct, through culvert, through the peer, or through sidecars."""

import os

import population
from harness.mesh import FIRST_POD, Mesh
from harness.netns import Fabric
from harness.process import Process, wait_for
from sidecar import Sidecars

HTTP, IPERF, ECHO = 8080, 5201, 9000
# The garbage collectors of generator and server cost both cores milliseconds at a time, which would
# be the 99th percentile of every variant. They run when 512 MiB are full instead.
GENERATOR = {"GOGC": "off", "GOMEMLIMIT": "512MiB"}
# Room for tens of thousands of short connections from one address; the daemons' ports stay free.
PORTS = {"net__ipv4__ip_local_port_range": "10000 65000",
         "net__ipv4__ip_local_reserved_ports": "15000-15100", "net__ipv4__tcp_tw_reuse": 1}
SERVICE = 20  # the number of the measured service's address, where the mesh has services


class Variant:
    """Stands for the whole run; only one variant is loaded at a time. `services`: how many the mesh
    has; then requests go to one in front of the server. `pods`: how many stand on the client's side."""

    def __init__(self, name, options, env=None, servers=True, services=0, pods=1):
        self.name, self.options, self.services, self.pods = name, options, services, pods
        self.mesh, self.fabric, self.sidecars, self.processes = None, None, None, []
        settings = dict(x.split("=", 1) for x in options.env)
        settings.update(env or {})
        try:
            if name == "direct":
                self._direct()
            elif name == "sidecars":
                self._sidecars()
            else:
                self._mesh(settings)
            for ns in (self.client, self.server):
                ns.sysctl(**PORTS)
                if options.congestion:
                    ns.sysctl(net__ipv4__tcp_congestion_control=options.congestion)
            if servers:
                self._servers()
        except BaseException:
            self.close()
            raise

    @property
    def client(self):
        return self.clients[0]

    def _client_names(self):
        return ["client", *(f"client-{n}" for n in range(1, self.pods))]

    def _direct(self):
        self.fabric = Fabric("direct")
        self.clients, self.server = [self.fabric.attach("client", 300)], self.fabric.attach("server", 301)
        self.address = self.target = self.fabric.v4(301)

    def _sidecars(self):
        self.sidecars = Sidecars("sidecars", self.options.results, self.services, HTTP)
        pods = [self.sidecars.pod(name, FIRST_POD + 2 + n) for n, name in enumerate(self._client_names())]
        server = self.sidecars.pod("server", FIRST_POD)
        self.plain = self.sidecars.fabric.attach("plain", FIRST_POD + 1)
        self.clients, self.server, self.address = [p.ns for p in pods], server.ns, server.v4
        self.target = self.sidecars.serve("web", SERVICE, server)
        self.sidecars.start()

    def _mesh(self, settings):
        self.mesh = Mesh(self.options.bin, self.options.results, f"bench-{self.name}", env=settings)
        clients = [self.mesh.pod(name, 0) for name in self._client_names()]
        server = self.mesh.pod("server", 1)
        self.plain = self.mesh.pod("plain", 0, enrolled=False).ns
        self.clients, self.server, self.address = [p.ns for p in clients], server.ns, server.v4
        self.target = self.address
        if self.services:
            population.settle_in(self.mesh, self.services, HTTP)
            self.target = self.mesh.service("web", SERVICE, {HTTP: HTTP}, [server])[0]
        for node in self.mesh.nodes:
            if self.name == "peer":
                node.program = self.options.peer
        self._policies()
        self.mesh.start()
        if self.plain_is_served():
            raise RuntimeError(f"{self.name}: the policies let a pod without identity in")

    def _policies(self):
        """What a careful operator has: every connection is judged by all of these, and the last
        lets it in."""
        def rule(**match):
            return [[[match]]]
        strangers = [{"Exact": f"cluster.local/ns/demo/sa/stranger-{i}"} for i in range(10)]
        server = [self.mesh.pods["server"]]
        self.mesh.policy("no-strangers", "Deny", rule(principals=strangers), pods=server)
        self.mesh.policy("no-other-namespace", "Deny", rule(notNamespaces=[{"Exact": "demo"}]), scope="Namespace")
        self.mesh.policy("no-database", "Deny", rule(destinationPorts=[3306, 5432]), scope="Global", namespace="istio-system")
        self.mesh.policy("mesh-only", "Allow",
                         [[[{"principals": [{"Prefix": "cluster.local/ns/demo/sa/"}]}],
                           [{"destinationPorts": [HTTP, IPERF, ECHO]}]]], pods=server)

    def plain_is_served(self):
        """Whether the server answers a client that has no identity."""
        server = self.server.listen((self.address, ECHO))
        try:
            with self.plain.connect((self.address, ECHO), 3) as s:
                s.settimeout(3)
                server.settimeout(0.5)
                server.accept()[0].close()
                return True
        except OSError:
            return False
        finally:
            server.close()

    def _servers(self):
        log = os.path.join(self.options.results, f"{self.name}-servers.log")
        os.makedirs(self.options.results, exist_ok=True)
        generator = [f"{k}={v}" for k, v in GENERATOR.items()]
        self.processes = [
            Process("fortio", ["env", *generator, "fortio", "server", "-http-port", f"{self.address}:{HTTP}", "-grpc-port",
                               "disabled", "-tcp-port", "disabled", "-udp-port", "disabled",
                               "-redirect-port", "disabled"], log, netns=self.server),
            Process("iperf3", ["iperf3", "-s", "-B", self.address, "-p", IPERF], log, netns=self.server)]

        def up():
            try:
                for port in (HTTP, IPERF):
                    self.server.connect((self.address, port), 1).close()
                return True
            except OSError:
                return False
        wait_for(up, f"the servers of {self.name}")

    @property
    def daemons(self):
        """The proxies, the server's last: the two daemons, or the sidecar of every pod."""
        if self.sidecars:
            return [p.process for p in self.sidecars.pods]
        return [n.daemon for n in self.mesh.nodes] if self.mesh else []

    def cpu(self):
        """User and system seconds of all daemons of this variant so far."""
        return sum(d.cpu_seconds() for d in self.daemons)

    def close(self):
        for process in self.processes:
            process.stop()
        if self.mesh:
            self.mesh.close()
        if self.sidecars:
            self.sidecars.close()
        if self.fabric:
            self.fabric.remove()
