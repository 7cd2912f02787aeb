"""A rolling replacement: a second daemon listens beside the first, which then stops."""

import contextlib
import signal
import threading

from harness.process import Process, wait_for
from own_mesh import OwnMesh


class Attempts:
    """Clients in threads of their own, each connection one attempt: it carries a byte there and
    back, or what went wrong is kept. Until the block ends."""

    def __init__(self, *ways):
        self.ended, self.failed, self.made = threading.Event(), [], [0] * len(ways)
        self.threads = [threading.Thread(target=self._go_on, args=(n, *way), daemon=True)
                        for n, way in enumerate(ways)]

    def _go_on(self, n, ns, address):
        while not self.ended.is_set():
            try:
                with ns.connect(address, 10) as s:
                    s.sendall(b"x")
                    if s.recv(1) != b"x":
                        raise EOFError("closed without an answer")
            except (OSError, EOFError) as error:
                self.failed.append(f"{ns.name} to {address}: {error!r}")
            self.made[n] += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join(20)

    def more(self, count):
        """Waits until every client has made so many attempts more."""
        wanted = [n + count for n in self.made]
        wait_for(lambda: all(a >= b for a, b in zip(self.made, wanted)), "attempts to be made", 30)


class Replacement(OwnMesh):
    ENV = {"CONNECTION_TERMINATION_DEADLINE": "5s",
           "POOL_MAX_STREAMS_PER_CONNECTION": "1"}  # connections to a pod are new ones for its listener

    def prepare(self):
        self.outside = self.mesh.fabric.attach("outside", 5000)

    def replace(self, node, pod, *ways):
        """Starts a second daemon beside the node's, then stops the first one."""
        with contextlib.suppress(FileNotFoundError):  # as docs/operations.md says; Linux 5.14
            pod.ns.sysctl(net__ipv4__tcp_migrate_req=1)
        old = node.daemon
        other = Process("second daemon", [self.mesh.culvert, "proxy", "ztunnel"],
                        node.log + "-second.log", env=node.environment(), netns=self.mesh.control_ns)
        self.addCleanup(other.stop)
        for port in (15001, 15006, 15008):
            wait_for(lambda p=port: self.listeners(pod, p) >= 2, "both to listen in the pod", 15)
        with Attempts(*ways, *ways) as attempts:
            attempts.more(50)
            old.signal(signal.SIGTERM)
            self.assertEqual(old.wait(15), 0)
            attempts.more(50)
        self.assertEqual(attempts.failed, [])

    def listeners(self, pod, port):
        lines = pod.ns.run("ss", "-Hltnp", "sport", "=", f":{port}").stdout
        return len({x for part in lines.split("pid=")[1:] for x in [part.split(",")[0]]})

    def test_replacing_a_clients_daemon_refuses_nobody(self):
        self.replace(self.node_a, self.client, (self.client.ns, (self.server.v4, 8080)))

    def test_replacing_a_servers_daemon_refuses_nobody(self):
        self.replace(self.node_b, self.server, (self.client.ns, (self.server.v4, 8080)),
                     (self.outside, (self.server.v4, 8080)))
