"""One who answers DNS inside a pod: culvert, the peer, or unbound; and the server behind it."""

import os
import shutil
import socket
import tempfile

from harness.mesh import Mesh
from harness.netns import Fabric
from harness.process import Process, wait_for
from variant import GENERATOR, HTTP

SERVICES = 200
DOMAIN = "demo.svc.cluster.local"
OUTSIDE = "outside.example"  # every name below it has an address, each of them a new one
RESOLVER = 5000           # number of the namespace of the authoritative server
PORT = 15053


def service_name(number):
    return f"web-{number}.{DOMAIN}"


class Authority:
    """nsd with one zone, whose wildcard answers for every name."""

    def __init__(self, ns, address, folder, log):
        zone = os.path.join(folder, "zone")
        with open(zone, "w", encoding="ascii") as file:
            file.write(f"$ORIGIN {OUTSIDE}.\n$TTL 30\n@ SOA ns hostmaster 1 60 60 60 30\n@ NS ns\n"
                       "ns A 198.18.19.136\n* A 198.18.99.1\n* AAAA 2001:2::99\n")
        config = os.path.join(folder, "nsd.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(f"server:\n  ip-address: {address}\n  username: \"\"\n  chroot: \"\"\n"
                       f"  zonesdir: {folder}\n  pidfile: \"\"\n  database: \"\"\n"
                       f"  xfrdfile: {folder}/xfrd\n  zonelistfile: {folder}/zones\n"
                       f"  server-count: 1\n  rrl-ratelimit: 0\nremote-control:\n  control-enable: no\n"
                       f"zone:\n  name: {OUTSIDE}\n  zonefile: {zone}\n")
        self.process = Process("nsd", ["nsd", "-d", "-c", config], log, netns=ns)

    def stop(self):
        self.process.stop()


class DnsVariant:
    """Stands for the whole run; only one variant is loaded at a time."""

    def __init__(self, name, options):
        self.name, self.options = name, options
        self.mesh = self.fabric = None
        self.processes = []
        self.dir = tempfile.mkdtemp(prefix="culvert-dns-")
        os.makedirs(options.results, exist_ok=True)
        self.log = os.path.join(options.results, f"dns-{name}")
        try:
            if name == "unbound":
                self._plain()
            else:
                self._mesh(dict(x.split("=", 1) for x in options.env))
            wait_for(self._answers, f"{name} to answer")
            self._write_queries()
        except BaseException:
            self.close()
            raise

    def _authority(self, fabric):
        ns = fabric.attach("resolver", RESOLVER)
        self.processes.append(Authority(ns, fabric.v4(RESOLVER), self.dir, self.log + "-nsd.log"))

    def _mesh(self, settings):
        # The daemons ask who stands in their own resolv.conf: each gets one by a mount of its own.
        resolv = os.path.join(self.dir, "resolv.conf")
        self.mesh = Mesh(self.options.bin, self.options.results, f"dns-{self.name}",
                         env={"ISTIO_META_DNS_CAPTURE": "true", **settings})
        with open(resolv, "w", encoding="ascii") as file:
            file.write(f"nameserver {self.mesh.fabric.v4(RESOLVER)}\n")
        self.mesh.prefix["daemon"] = ["unshare", "-m", "sh", "-c",
                                      f"mount --bind {resolv} /etc/resolv.conf && exec \"$@\"", "sh"]
        self._authority(self.mesh.fabric)
        asker, self.bystander = self.mesh.pod("asker", 0), self.mesh.pod("bystander", 0)
        self.server = self.mesh.pod("server", 1)
        for number in range(SERVICES):
            self.mesh.service(f"web-{number}", number + 1, {80: HTTP}, [self.server])
        for node in self.mesh.nodes:
            if self.name == "peer":
                node.program = self.options.peer
        self.mesh.start()
        self.asker, self.responder = asker.ns, self.mesh.nodes[0].daemon
        self._web_server()

    def _web_server(self):
        words = ["env", *(f"{k}={v}" for k, v in GENERATOR.items()), "fortio", "server", "-http-port",
                 f"{self.server.v4}:{HTTP}", "-grpc-port", "disabled", "-tcp-port", "disabled",
                 "-udp-port", "disabled", "-redirect-port", "disabled"]
        self.processes.append(Process("fortio", words, self.log + "-fortio.log", netns=self.server.ns))

        def up():
            try:
                self.bystander.ns.connect((self.server.v4, HTTP), 1).close()
                return True
            except OSError:
                return False
        wait_for(up, f"the web server of {self.name}")

    def _plain(self):
        self.fabric = Fabric("dns-unbound")
        self.asker = self.fabric.attach("asker", 256)
        self._authority(self.fabric)
        config = os.path.join(self.dir, "unbound.conf")
        records = "".join(f"  local-data: \"{service_name(n)}. 30 A 198.19.0.{n + 1}\"\n"
                          for n in range(SERVICES))
        with open(config, "w", encoding="ascii") as file:
            file.write("server:\n  do-daemonize: no\n  username: \"\"\n  chroot: \"\"\n  pidfile: \"\"\n"
                       f"  interface: 127.0.0.1@{PORT}\n  num-threads: 2\n  so-reuseport: yes\n"
                       "  use-syslog: no\n  module-config: \"iterator\"\n  cache-max-ttl: 0\n"
                       f"  local-zone: \"{DOMAIN}.\" static\n{records}"
                       f"forward-zone:\n  name: \".\"\n  forward-addr: {self.fabric.v4(RESOLVER)}\n")
        self.responder = Process("unbound", ["unbound", "-d", "-c", config], self.log + ".log",
                                 netns=self.asker)
        self.processes.append(self.responder)

    def _answers(self):
        """Both kinds of name, by a query of our own."""
        return all(self._ask(name) for name in (service_name(0), f"first.{OUTSIDE}"))

    def _ask(self, name):
        labels = b"".join(bytes([len(x)]) + x.encode() for x in name.split("."))
        query = b"\x12\x34\x01\x00\x00\x01\0\0\0\0\0\0" + labels + b"\0\0\x01\0\x01"
        with self.asker.socket(kind=socket.SOCK_DGRAM) as s:
            s.settimeout(1)
            s.connect(("127.0.0.1", PORT))
            try:
                s.send(query)
                answer = s.recv(4096)
            except OSError:
                return False
        return answer[3] & 15 == 0 and answer[6:8] != b"\0\0"

    def _write_queries(self):
        self.queries = {}
        for kind, lines in (("local", (f"{service_name(n)} A" for n in range(SERVICES))),
                            ("short", (f"web-{n}.demo A" for n in range(SERVICES))),
                            # More than a run can ask: none is asked twice.
                            ("forwarded", (f"n{n}.{OUTSIDE} A" for n in range(600_000)))):
            self.queries[kind] = os.path.join(self.dir, kind)
            with open(self.queries[kind], "w", encoding="ascii") as file:
                file.write("\n".join(lines) + "\n")

    def close(self):
        for process in self.processes:
            process.stop()
        if self.mesh:
            self.mesh.close()
        if self.fabric:
            self.fabric.remove()
        shutil.rmtree(self.dir, ignore_errors=True)
