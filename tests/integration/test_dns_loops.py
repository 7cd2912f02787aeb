"""Resolvers that lead back to the pod that asks: its own on loopback works, and no loop lasts or grows."""

import os
import shutil
import threading
import time
import unittest

from harness import dns
from harness.process import wait_for
from test_dns import FIRST, SECOND, DnsMesh, second, zone

GIVES_UP = 7  # seconds until a query of these resolvers' own has no answer


class DnsLoops(unittest.TestCase):
    def setUp(self):
        self.mesh = DnsMesh("loops")
        self.addCleanup(self.mesh.close)
        self.client = self.mesh.pod("client")
        self.first, self.second = self.mesh.fabric.v4(FIRST), self.mesh.fabric.v4(SECOND)
        self.mesh.use_resolvers(self.first)
        self.anywhere = self.mesh.fabric.v4(9999)  # redirected, so nobody needs to be there
        self.failures = []

    def serve(self, ns, address, handler):
        server = dns.Resolver(ns, address, handler)
        self.addCleanup(server.close)
        return server

    def pass_on(self, asked, _tcp, say):
        """What a forwarding resolver in the pod does: the same question under a new id, from a socket
        of its own, to a resolver that it was told."""
        def run():
            with dns.Asking(self.client.ns, (self.anywhere, 53), GIVES_UP) as asking:
                try:
                    say(asked[:2] + asking.raw(os.urandom(2) + asked[2:])[2:])
                except OSError as error:
                    self.failures.append(repr(error))
        threading.Thread(target=run, daemon=True).start()

    def read_by_programs(self, *servers):
        """The resolv.conf of the pod's programs, which the agent reads, too."""
        folder = f"/etc/netns/{self.client.ns.name}"
        os.makedirs(folder)
        self.addCleanup(shutil.rmtree, folder)
        with open(os.path.join(folder, "resolv.conf"), "w", encoding="ascii") as file:
            file.write("".join(f"nameserver {server}\n" for server in servers))

    def ask(self, address, name):
        began = time.monotonic()
        answer = dns.ask(self.client.ns, address, name, timeout=GIVES_UP)
        self.assertLess(time.monotonic() - began, 5, "libc has given up")
        return answer

    def check_own_resolver(self, *others, expected):
        """The pod's programs ask one on loopback, which asks others: once, for the daemon does not ask
        it what it asks itself."""
        self.serve(self.mesh.resolvers[0], self.first, zone)
        self.serve(self.mesh.resolvers[1], self.second, second)
        own = self.serve(self.client.ns, "127.0.0.1", self.pass_on)
        self.read_by_programs("127.0.0.1", *others)
        self.mesh.start()
        self.assertEqual(self.ask("127.0.0.1", "plain.test").addresses(), [expected])
        self.assertEqual((own.times("plain.test"), self.failures), (1, []))

    def test_dns_resolver_of_the_pods_own_on_loopback(self):
        self.check_own_resolver(expected="203.0.113.7")  # the node's resolver says so

    def test_dns_resolver_of_the_pods_own_beside_another(self):
        self.check_own_resolver(self.second, expected="2.2.2.2")

    def test_dns_loop_through_another_resolver_ends(self):
        """As where CoreDNS runs in the pod, and its service is the node's resolver: each query that is
        passed on comes back as a new one."""
        loop = self.serve(self.mesh.resolvers[0], self.first, self.pass_on)
        self.mesh.start()
        asking = [threading.Thread(target=lambda: answers.append(self.ask(self.anywhere, "plain.test").rcode))
                  for _ in range(3)]
        answers = []
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        self.assertEqual(answers, [dns.SERVFAIL] * 3)

        def all_ended():
            asked, failed, answered = (self.mesh.nodes[0].metric(f"istio_dns_upstream_{n}") for n in (
                "requests_total", "failures_total", "request_duration_seconds_count"))
            return asked == failed + answered > 0
        wait_for(all_ended, "the loop to end", 10, 0.2)
        went_round = loop.times("plain.test")
        # One query of each worker goes round, and is sent again every second.
        workers = self.mesh.nodes[0].config_dump()["config"]["numWorkerThreads"]
        self.assertLessEqual(went_round, 5 * workers)
        time.sleep(1.5)
        self.assertEqual((loop.times("plain.test"), self.failures), (went_round, []))
