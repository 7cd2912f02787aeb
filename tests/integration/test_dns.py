"""DNS queries of pods, redirected to the daemon: names of the mesh, and what is passed on."""

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest

from harness import dns, runner, traffic
from harness.mesh import Mesh
from harness.process import Process, wait_for

FIRST, SECOND = 5001, 5002  # the resolvers' address numbers
PORT = 15053
MUSL_LOOKUP = r"""
#include <netdb.h>
#include <stdio.h>
#include <arpa/inet.h>
int main(int argc, char **argv) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found, *one;
  int error = getaddrinfo(argv[1], 0, &hints, &found);
  if (error) { printf("%s\n", gai_strerror(error)); return 1; }
  for (one = found; one; one = one->ai_next) {
    char text[64];
    getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, 0, 0, NI_NUMERICHOST);
    puts(text);
  }
}
"""


class DnsMesh(Mesh):
    """Pods whose DNS is redirected, and a node whose /etc/resolv.conf is a file of ours."""

    def __init__(self, label, **more):
        super().__init__(runner.OPTIONS.bin, runner.OPTIONS.logs, label, nodes=("node-a",),
                         env={"RUST_LOG": "info,dns=debug"}, **more)
        self.node = self.nodes[0]
        self.resolvers = [self.fabric.attach(f"resolver{n}", n) for n in (FIRST, SECOND)]
        self.resolv_conf = os.path.join(self.dir, "resolv.conf")
        self.use_resolvers(self.fabric.v4(FIRST), self.fabric.v4(SECOND))
        self.prefix["daemon"] = with_resolv_conf(self.resolv_conf)

    def use_resolvers(self, *addresses):
        with open(self.resolv_conf, "w", encoding="ascii") as file:
            file.write("".join(f"nameserver {a}\n" for a in addresses))


def with_resolv_conf(path):
    """Words before a command that then sees this file as /etc/resolv.conf."""
    return ["unshare", "--mount", "sh", "-c", f'mount --bind {path} /etc/resolv.conf && exec "$@"', "sh"]


def zone(asked, tcp, say):
    """What the first resolver says: the name's first label chooses."""
    name, kind = dns.asked_for(asked)
    first = name.split(".")[0]
    if first in SPECIAL:
        return SPECIAL[first](asked, tcp, say)
    if name.endswith(("missing.test", "cluster.local")):
        return dns.reply(asked, authority=[dns.soa("test")], rcode=dns.NXDOMAIN)
    data = {dns.A: socket.inet_aton("203.0.113.7"), dns.TXT: b"\x05hello",
            dns.AAAA: socket.inet_pton(socket.AF_INET6, "2001:db8::7"),
            dns.SRV: b"\0\1\0\2\x1f\x90" + dns.encode_name("target.test"),
            dns.PTR: dns.encode_name("host.test")}.get(kind)
    if data is None:
        return dns.reply(asked, authority=[dns.soa("test")])
    return dns.reply(asked, [dns.record(kind, data)], [dns.soa("test")],
                     [dns.record(dns.A, b"\1\2\3\4", name=dns.encode_name("extra.test"))])


def big(asked, tcp, _):
    answers = [dns.record(dns.TXT, b"\xc8" + bytes([65 + i]) * 200) for i in range(20)]
    return dns.reply(asked, answers) if tcp else dns.reply(asked, answers[:1], flags=0x8380)


def spoofed(asked, _, say):
    """A forger answers first: with another id, another question, and no response at all."""
    forged = dns.reply(asked, [dns.record(dns.A, b"\6\6\6\6")])
    say(bytes([forged[0] ^ 0x55]) + forged[1:])
    other = dns.query("another.test", dns.A, number=int.from_bytes(asked[:2], "big"))
    say(dns.reply(other, [dns.record(dns.A, b"\6\6\6\6")]))
    say(asked)
    time.sleep(0.1)
    return dns.reply(asked, [dns.record(dns.A, b"\7\7\7\7")])


def slow(asked, tcp, say):
    """Without holding up what else is asked."""
    answer = dns.reply(asked, [dns.record(dns.A, b"\1\1\1\1")])
    if tcp:
        time.sleep(0.5)
        return answer
    threading.Timer(0.5, say, (answer,)).start()
    return None


SPECIAL = {"big": big, "spoofed": spoofed, "slow": slow,
           "silent": lambda *_: None,
           "refused": lambda asked, *_: dns.reply(asked, rcode=dns.REFUSED),
           "broken": lambda asked, *_: dns.reply(asked, rcode=dns.SERVFAIL)}


def second(asked, *_):
    name, _ = dns.asked_for(asked)
    if name.startswith(("silent.both", "refused.both")):
        return SPECIAL[name.split(".", maxsplit=1)[0]](asked)
    return dns.reply(asked, [dns.record(dns.A, b"\2\2\2\2")])


def ask_over_tcp(ns, address):
    with ns.connect((address, PORT), 3) as s:
        return dns.Answer(dns.over_tcp(s, dns.query("web", dns.A))[0])


class Dns(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mesh = mesh = DnsMesh("dns")
        cls.addClassCleanup(mesh.close)
        cls.node = mesh.node
        cls.client, cls.other = mesh.pod("client"), mesh.pod("other")
        cls.server = mesh.pod("server")
        cls.other.namespace = "elsewhere"
        cls.vips = mesh.service("web", 1, {80: 8080}, [cls.server])
        mesh.services.append({"name": "db", "namespace": "elsewhere", "canonical": True,
                              "hostname": "db.elsewhere.svc.cluster.local",
                              "vips": ["/198.19.0.2"], "ports": {80: 8080}})
        mesh.services.append({"name": "wild", "namespace": "demo", "hostname": "*.wild.test",
                              "vips": ["/198.19.0.3", "/2001:2:0:1::3"], "ports": {80: 8080}})
        mesh.services.append({"name": "many", "namespace": "demo", "canonical": True,
                              "hostname": "many.demo.svc.cluster.local", "ports": {80: 8080},
                              "vips": [f"/198.19.1.{n}" for n in range(1, 101)]})
        cls.upstream = dns.Resolver(mesh.resolvers[0], mesh.fabric.v4(FIRST), zone)
        cls.addClassCleanup(cls.upstream.close)
        cls.second = dns.Resolver(mesh.resolvers[1], mesh.fabric.v4(SECOND), second)
        cls.addClassCleanup(cls.second.close)
        cls.anywhere = mesh.fabric.v4(9999)  # redirected, so nobody needs to be there
        cls.anywhere6 = mesh.fabric.v6(9999)
        mesh.start()

    def setUp(self):
        self.node.start_watching()

    def tearDown(self):
        self.assertTrue(self.node.daemon.running(), f"died:\n{self.node.daemon.log()[-3000:]}")

    def ask(self, name, kind=dns.A, pod=None, **more):
        return dns.ask((pod or self.client).ns, self.anywhere, name, kind, **more)

    def dig(self, *words, v6=False, pod=None):
        run = (pod or self.client).ns.run("dig", f"@{self.anywhere6 if v6 else self.anywhere}",
                                          "+tries=1", "+time=8", *words)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        return run.stdout

    def running_with(self, resolv_conf, *words, pod=None):
        path = os.path.join(self.mesh.dir, f"resolv-{self._testMethodName}.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(resolv_conf)
        return (pod or self.client).ns.run(*with_resolv_conf(path), *words)

    # Names of the mesh.

    def test_dns_names_of_the_mesh_by_dig(self):
        v4, v6 = self.vips
        for name in ("web", "web.demo", "web.demo.svc", "web.demo.svc.cluster.local", "WEB.Demo"):
            for family in (False, True):  # of the datagrams
                with self.subTest(name=name, v6=family):
                    self.assertEqual(self.dig(name, "A", "+short", v6=family).split()[-1:], [v4])
                    self.assertEqual(self.dig(name, "AAAA", "+short", v6=family).split()[-1:], [v6])
        self.assertEqual(self.dig("db", "+short", pod=self.other).split(), ["198.19.0.2"])
        self.assertEqual(self.dig("deep.down.wild.test", "+short").split(), ["198.19.0.3"])
        self.assertEqual(self.dig("db.elsewhere", "AAAA", "+short").split(), [])

    def test_dns_answers_are_authoritative_with_a_ttl_of_30_seconds(self):
        answer = self.ask("web.demo.svc.cluster.local")
        self.assertTrue(answer.authoritative and answer.recursion)
        self.assertEqual(answer.answers,
                         [("web.demo.svc.cluster.local", dns.A, 1, 30, self.vips[0])])

    def test_dns_search_domain_is_answered_with_an_alias(self):
        """What glibc asks first for a name from outside with the domains that Kubernetes gives."""
        answer = self.ask("a.wild.test.demo.svc.cluster.local")
        self.assertEqual(answer.addresses(), ["198.19.0.3"])
        answer = self.ask("web.demo.svc.cluster.local.demo.svc.cluster.local")
        self.assertEqual([x[1] for x in answer.answers], [dns.CNAME, dns.A])
        self.assertEqual(answer.answers[0][4], "web.demo.svc.cluster.local")

    def test_dns_over_tcp_many_queries_on_one_connection(self):
        self.assertEqual(self.dig("web", "+tcp", "+short").split()[-1:], [self.vips[0]])
        self.assertEqual(self.dig("web", "+tcp", "+short", v6=True).split()[-1:], [self.vips[0]])
        names = ["web", "slow.test", "plain.test"]
        with self.client.ns.connect((self.anywhere, 53)) as s:
            s.settimeout(8)
            queries = [dns.query(n, dns.A, number=i) for i, n in enumerate(names)]
            got = {a.number: a for a in map(dns.Answer, dns.over_tcp(s, *queries))}
            self.assertEqual(sorted(got), [0, 1, 2])
            self.assertEqual(got[1].addresses(), ["1.1.1.1"])
            s.sendall(b"\0" + bytes([len(queries[1])]) + queries[1])
            s.shutdown(socket.SHUT_WR)  # still gets its answer
            self.assertEqual(dns.Answer(dns.take(s)).addresses(), ["1.1.1.1"])
            self.assertEqual(s.recv(1), b"")

    def test_dns_large_answers_by_size(self):
        plain = self.ask("many")
        self.assertTrue(plain.truncated)
        self.assertLessEqual(len(plain.data), 512)
        with_edns = self.ask("many", bufsize=4096)
        self.assertFalse(with_edns.truncated)
        self.assertEqual(len(with_edns.addresses()), 100)
        self.assertEqual([x[1] for x in with_edns.additional], [dns.OPT])
        self.assertEqual(len(self.dig("many", "+noedns", "+short").split()), 100)  # again over TCP
        self.assertEqual(len(self.dig("many", "+bufsize=600", "+ignore", "+short").split()) < 100, True)
        first = {self.ask("many", bufsize=4096).answers[0][4] for _ in range(20)}
        self.assertGreater(len(first), 1, "never shuffled")

    # Resolvers of applications.

    SEARCH = "search demo.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"

    def test_dns_by_glibc(self):
        conf = f"nameserver {self.anywhere}\n{self.SEARCH}"
        for name in ("web", "web.demo", "web.demo.svc.cluster.local"):
            run = self.running_with(conf, "getent", "ahosts", name)
            self.assertEqual({x.split()[0] for x in run.stdout.splitlines()}, set(self.vips), name)
        run = self.running_with(conf, "getent", "ahosts", "www.plain.test")
        self.assertEqual({x.split()[0] for x in run.stdout.splitlines()},
                         {"203.0.113.7", "2001:db8::7"})
        self.assertEqual(self.running_with(conf, "getent", "ahosts", "www.missing.test").returncode, 2)
        run = self.running_with(conf, "getent", "ahosts", "db.elsewhere")  # it has only IPv4
        self.assertEqual({x.split()[0] for x in run.stdout.splitlines()}, {"198.19.0.2"})
        run = self.running_with(f"nameserver {self.anywhere6}\n{self.SEARCH}", "getent", "hosts", "web")
        self.assertIn(self.vips[1], run.stdout)

    @unittest.skipUnless(shutil.which("musl-gcc"), "musl-tools are not installed")
    def test_dns_by_musl(self):
        """It asks for A and AAAA from one socket at once, and every resolver at the same time."""
        program = os.path.join(self.mesh.dir, "lookup")
        subprocess.run(["musl-gcc", "-static", "-x", "c", "-o", program, "-"], input=MUSL_LOOKUP,
                       text=True, check=True)
        conf = f"nameserver {self.anywhere}\nnameserver {self.anywhere6}\n{self.SEARCH}"
        for name, expected in (("web", set(self.vips)),
                               ("www.plain.test", {"203.0.113.7", "2001:db8::7"})):
            run = self.running_with(conf, program, name)
            self.assertEqual(set(run.stdout.split()), expected, name)

    def test_dns_two_queries_of_one_socket_with_one_id(self):
        """As some stub resolvers do; the answers are told by their questions."""
        with dns.Asking(self.client.ns, (self.anywhere, 53)) as asking:
            for kind in (dns.A, dns.AAAA):
                asking.s.send(dns.query("plain.test", kind, number=7))
            answers = [dns.Answer(asking.s.recv(4096)) for _ in range(2)]
        self.assertEqual({a.questions[0][1] for a in answers}, {dns.A, dns.AAAA})
        self.assertEqual({a.addresses()[0] for a in answers}, {"203.0.113.7", "2001:db8::7"})

    # What is passed on.

    def test_dns_is_passed_on_byte_for_byte(self):
        for kind in (dns.A, dns.TXT, dns.SRV, dns.PTR, 65, 257):
            for bufsize in (None, 1232):
                with self.subTest(kind=kind, bufsize=bufsize):
                    query = dns.query("Plain.Test", kind, number=4711, bufsize=bufsize, flags=0x0110)
                    with dns.Asking(self.client.ns, (self.anywhere, 53)) as asking:
                        got = asking.raw(query)
                    asked = [x for x in self.upstream.asked if x[0] == "plain.test"][-1]
                    self.assertEqual(asked[2][2:], query[2:], "asked otherwise than the pod did")
                    self.assertEqual(asked[1][0], self.client.v4, "asked from another address")
                    self.assertEqual(got, zone(query, False, None))
        missing = self.ask("www.missing.test")
        self.assertEqual((missing.rcode, [x[1] for x in missing.authority]), (dns.NXDOMAIN, [dns.SOA]))
        self.assertIn("host.test.", self.dig("-x", "203.0.113.7", "+short"))
        self.assertIn('"hello"', self.dig("plain.test", "TXT", "+short"))

    def test_dns_ids_and_ports_of_what_is_passed_on_are_new_each_time(self):
        with dns.Asking(self.client.ns, (self.anywhere, 53)) as asking:
            for _ in range(30):
                asking.ask("fresh.test", number=1)
        asked = [x for x in self.upstream.asked if x[0] == "fresh.test"]
        self.assertGreater(len({x[1][1] for x in asked}), 25, "source ports")
        self.assertGreater(len({x[2][:2] for x in asked}), 25, "ids")

    def test_dns_forged_answers_are_passed_over(self):
        self.assertEqual(self.ask("spoofed.test").addresses(), ["7.7.7.7"])

    def test_dns_second_resolver_helps_out(self):
        for name, most in (("silent.one.test", 3), ("refused.one.test", 1), ("broken.one.test", 1)):
            with self.subTest(name=name):
                began = time.monotonic()
                self.assertEqual(self.ask(name).addresses(), ["2.2.2.2"])
                self.assertLess(time.monotonic() - began, most)

    def test_dns_refusal_of_all_resolvers_is_passed_on(self):
        self.assertEqual(self.ask("refused.both.test").rcode, dns.REFUSED)

    def test_dns_truncated_answer_is_asked_again_over_tcp(self):
        with dns.Asking(self.client.ns, (self.anywhere, 53)) as asking:
            answer = asking.ask("big.test", dns.TXT)
            self.assertTrue(answer.truncated)
            self.assertLessEqual(len(answer.data), 512)
        self.assertEqual(len(self.dig("big.test", "TXT", "+short").splitlines()), 20)

    def test_dns_follows_the_nodes_resolv_conf(self):
        """And an address where nobody listens is left at once, not after a time-out."""
        self.addCleanup(self._restore_resolvers)
        self.mesh.use_resolvers(self.mesh.fabric.v4(1), self.mesh.fabric.v4(SECOND))

        def changed():
            began = time.monotonic()
            return (self.ask("plain.test").addresses() == ["2.2.2.2"]
                    and time.monotonic() - began < 0.9)
        wait_for(changed, "the new resolvers to be asked", 10, 0.2)
        self.mesh.use_resolvers()
        wait_for(lambda: self.ask("plain.test").rcode == dns.SERVFAIL, "nobody to be asked", 10, 0.2)
        self.assertTrue(self.node.daemon.lines("cannot be looked up for pods", "nameserver"))

    def _restore_resolvers(self):
        self.mesh.use_resolvers(self.mesh.fabric.v4(FIRST), self.mesh.fabric.v4(SECOND))
        wait_for(lambda: self.ask("plain.test").addresses() == ["203.0.113.7"], "the old resolvers")

    # Bad input.

    def test_dns_bad_queries_get_an_error_or_silence(self):
        good = dns.query("web", dns.A, number=77)
        expected = [
            (good[:11], None), (b"", None), (good[:2] + b"\x81\x00" + good[4:], None),
            (good[:2] + b"\x20\x00" + good[4:], dns.NOTIMP),
            (good[:4] + b"\0\0" + good[6:12], dns.FORMERR),
            (good[:4] + b"\0\2" + good[6:] + good[12:], dns.FORMERR),
            (good[:12] + b"\xc0\x0c\0\1\0\1", dns.FORMERR), (good[:-3], dns.FORMERR),
            (good[:12] + b"\x3f" * 300, dns.FORMERR), (good + bytes(5000), dns.FORMERR),
            (dns.query("web", dns.A, klass=3), dns.REFUSED),
        ]
        for data, rcode in expected:
            with self.subTest(data=data[:40]), dns.Asking(self.client.ns, (self.anywhere, 53)) as asking:
                asking.s.send(data)
                asking.s.send(dns.query("web", dns.A, number=1))
                answers = [dns.Answer(asking.s.recv(65536))]
                if rcode is not None:
                    answers.append(dns.Answer(asking.s.recv(65536)))
                self.assertEqual({a.rcode for a in answers}, {0} | ({rcode} - {None}))

    def test_dns_hostile_connections_are_cut(self):
        def refused(data, seconds=8):
            with self.client.ns.connect((self.anywhere, 53)) as s:
                s.sendall(data)
                return traffic.ending(s, seconds)
        self.assertEqual(refused(b"\xff\xff" + bytes(100)), "reset")
        began = time.monotonic()
        with self.client.ns.connect((self.anywhere, 53)) as idle, \
                self.client.ns.connect((self.anywhere, 53)) as slow_one:
            for _ in range(8):  # a byte now and then is not a query
                with contextlib.suppress(OSError):
                    slow_one.sendall(b"\0")
                time.sleep(0.7)
            self.assertIn(traffic.ending(slow_one), ("end", "reset"))
            self.assertIn(traffic.ending(idle), ("end", "reset"))
        self.assertLess(time.monotonic() - began, 15)
        crowd = []
        for _ in range(200):
            with contextlib.suppress(ConnectionResetError):  # refused before connect() has returned
                crowd.append(self.client.ns.connect((self.anywhere, 53)))
        wait_for(lambda: self.node.daemon.lines("connection refused: too many are open"), "the line")
        for s in crowd:
            traffic.reset(s)
        self.assertEqual(self.dig("web", "+tcp", "+short").split()[-1:], [self.vips[0]])

    def test_dns_flood_leaves_others_alone(self):
        """Junk, mesh names and names that nobody answers, as fast as three threads can, from one pod:
        another pod's relay and queries go on, and memory stays bounded."""
        echo = traffic.Server(self.server.ns, (self.server.v4, 8080), traffic.echo)
        self.addCleanup(echo.close)
        before = self.node.daemon.memory()["rss"]
        ended, sent = threading.Event(), [0] * 3

        def flood(i):
            s = self.client.ns.socket(kind=socket.SOCK_DGRAM)
            with s:
                s.connect((self.anywhere, 53))
                while not ended.is_set():
                    for data in (random.randbytes(60), dns.query("web", dns.A),
                                 dns.query(f"silent.both.{random.random()}.test", dns.A)):
                        with contextlib.suppress(OSError):
                            s.send(data)
                            sent[i] += 1
        threads = [threading.Thread(target=flood, args=(i,)) for i in range(len(sent))]
        for thread in threads:
            thread.start()
        try:
            times = []
            with self.other.ns.connect((self.vips[0], 80)) as s:
                for _ in range(200):
                    began = time.monotonic()
                    s.sendall(b"x" * 100)
                    traffic.receive_exactly(s, 100)
                    times.append(time.monotonic() - began)
                    time.sleep(0.005)
            self.assertLess(sorted(times)[-4], 0.2, "p98 of the other pod's round trips")
            self.assertEqual(self.ask("web.demo", pod=self.other).addresses(), [self.vips[0]])
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        self.assertGreater(sum(sent), 3000)
        self.assertLess(self.node.daemon.memory()["rss"] - before, 48 << 20)
        self.assertTrue(self.node.daemon.lines("too many wait for resolvers", "left_out"))
        wait_for(lambda: self.ask("plain.test").addresses() == ["203.0.113.7"], "the pod itself", 15)

        def all_ended():
            asked, failed, answered = (self.node.metric(f"istio_dns_upstream_{n}") for n in (
                "requests_total", "failures_total", "request_duration_seconds_count"))
            return asked == failed + answered
        wait_for(all_ended, "every query of the flood to end", 10, 0.2)  # counted by nobody else

    # Whose it is.

    def test_dns_is_for_the_pods_own_namespace_alone(self):
        for asking_ns in (self.other.ns, self.mesh.resolvers[1]):
            for address in (self.client.v4, self.client.v6):
                with dns.Asking(asking_ns, (address, PORT), 0.5) as asking:
                    self.assertRaises(OSError, asking.ask, "web")
                self.assertRaises((OSError, EOFError), ask_over_tcp, asking_ns, address)

    def test_dns_unknown_pod_gets_servfail_after_five_seconds(self):
        ghost = self.mesh.pod("ghost")
        del self.mesh.pods["ghost"]
        self.mesh.enroll(ghost)
        began = time.monotonic()
        answer = dns.ask(ghost.ns, self.anywhere, "web", timeout=10)
        self.assertEqual(answer.rcode, dns.SERVFAIL)
        self.assertTrue(4.5 < time.monotonic() - began < 8, time.monotonic() - began)
        waiting = threading.Thread(target=lambda: found.append(dns.ask(ghost.ns, self.anywhere, "web")))
        found = []
        waiting.start()
        time.sleep(0.3)
        self.mesh.pods["ghost"] = ghost
        self.addCleanup(self._forget, "ghost")
        self.mesh.write_config()
        waiting.join(10)
        self.assertEqual(found[0].addresses(), [self.vips[0]], "known while the query waited")

    def _forget(self, name):
        del self.mesh.pods[name]
        self.mesh.write_config()

    # For operators.

    def test_dns_metrics_and_query_log(self):
        def count(name, **labels):
            return self.node.metric(f"istio_dns_{name}", source_canonical_service="client",
                                    source_canonical_revision="v1", **labels)
        names = ("requests_total", "upstream_requests_total", "upstream_failures_total",
                 "upstream_request_duration_seconds_count")
        before = {n: count(n, request_query_type="a", request_protocol="udp") for n in names}
        tcp = count("requests_total", request_query_type="aaaa", request_protocol="tcp")
        strange = count("requests_total", request_query_type="unknown")
        self.ask("web")
        self.ask("plain.test")
        began = time.monotonic()
        self.assertEqual(self.ask("silent.both.test").rcode, dns.SERVFAIL)
        self.assertLess(time.monotonic() - began, 5, "libc has given up")
        self.ask("plain.test", 65399)
        self.dig("web", "AAAA", "+tcp")
        after = {n: count(n, request_query_type="a", request_protocol="udp") for n in names}
        self.assertEqual([after[n] - before[n] for n in names], [3, 2, 1, 1])
        self.assertEqual(count("requests_total", request_query_type="aaaa", request_protocol="tcp"),
                         tcp + 1)
        self.assertEqual(count("requests_total", request_query_type="unknown"), strange + 1)
        bounds = {x.get("le") for x, _ in self.node.metrics()[
            "istio_dns_upstream_request_duration_seconds_bucket"]}
        self.assertEqual(bounds, {"0.0005", "0.001", "0.01", "0.1", "1.0", "5.0", "+Inf"})
        line = self.node.daemon.wait_line(r"\tdns\t", 'domain="web"', 'query="A"')
        for field in ('src.workload="client"', 'src.namespace="demo"', 'result="success"', "endpoints=1"):
            self.assertIn(field, line)
        self.node.daemon.wait_line(r"\tdns\t", 'domain="plain.test"', 'query="TYPE65399"',
                                   'result="forwarded"')
        self.node.daemon.wait_line(r"\tdns\t", 'domain="silent.both.test"', "forwarding failed")
        forged = self.ask('evil"\n2026 forged', timeout=3)
        self.assertEqual(forged.rcode, 0)
        self.assertFalse([x for x in self.node.daemon.log().splitlines() if x.startswith("2026 forged")])


class DnsOfADaemon(unittest.TestCase):
    """What needs daemons of its own."""

    def setUp(self):
        self.mesh = DnsMesh(self._testMethodName[:12])
        self.addCleanup(self.mesh.close)
        self.node, self.client = self.mesh.node, self.mesh.pod("client")
        self.other = self.mesh.pod("other")
        self.vips = self.mesh.service("web", 1, {80: 8080}, [])
        self.upstream = dns.Resolver(self.mesh.resolvers[0], self.mesh.fabric.v4(FIRST), zone)
        self.addCleanup(self.upstream.close)
        self.anywhere = self.mesh.fabric.v4(9999)

    def listening(self, pod, *kind):
        lines = pod.ns.run("ss", "-Hlnp", *kind, "sport", "=", f":{PORT}").stdout
        return sorted(set(re.findall(r"pid=(\d+)", lines)))

    def test_dns_off_means_no_listener(self):
        self.node.env["ISTIO_META_DNS_CAPTURE"] = "false"
        self.mesh.start()
        self.assertEqual(self.listening(self.client, "-u") + self.listening(self.client, "-t"), [])
        self.assertFalse(self.node.config_dump()["config"]["dnsProxy"])

    def test_dns_at_another_address_answers_the_pod_alone(self):
        self.node.env["ISTIO_META_DNS_PROXY_ADDR"] = f"[::]:{PORT}"
        self.mesh.start()
        for address in (self.client.v4, self.client.v6, "127.0.0.1", "::1"):
            with dns.Asking(self.client.ns, (address, PORT)) as asking:
                self.assertEqual(asking.ask("web").addresses(), [self.vips[0]], address)
        for address in (self.client.v4, self.client.v6):
            with dns.Asking(self.other.ns, (address, PORT), 0.5) as asking:
                self.assertRaises(OSError, asking.ask, "web")
            self.assertRaises((OSError, EOFError), ask_over_tcp, self.other.ns, address)
        self.assertEqual(ask_over_tcp(self.client.ns, "127.0.0.1").addresses(), [self.vips[0]])

    def test_dns_pod_without_ipv6_on_loopback(self):
        self.client.ns.sysctl(net__ipv6__conf__lo__disable_ipv6=1)
        self.mesh.start()
        self.assertEqual(dns.ask(self.client.ns, self.anywhere, "web").addresses(), [self.vips[0]])

    def test_dns_taken_port_fails_the_start_of_the_pod(self):
        taken = self.client.ns.socket(kind=socket.SOCK_DGRAM)
        self.addCleanup(taken.close)
        taken.bind(("127.0.0.1", PORT))
        self.assertRaisesRegex(RuntimeError, "enroll client", self.mesh.start)
        self.assertTrue(self.node.daemon.lines("pod cannot be served", f"bind UDP 127.0.0.1:{PORT}"))

    def test_dns_replacing_the_daemon_loses_no_query(self):
        self.mesh.start()
        old = self.node.daemon
        ended, lost, made = threading.Event(), [], [0, 0]

        def go_on(i, name, timeout):
            while not ended.is_set():
                try:
                    answer = dns.ask(self.client.ns, self.anywhere, name, timeout=timeout)
                    if not answer.addresses():
                        lost.append(f"{name}: rcode {answer.rcode}")
                except OSError as error:
                    lost.append(f"{name}: {error!r}")
                made[i] += 1
        threads = [threading.Thread(target=go_on, args=x)
                   for x in ((0, "web", 4), (0, "web", 4), (1, "slow.test", 4.9))]
        for thread in threads:
            thread.start()
        second_one = Process("second daemon", [*self.mesh.prefix["daemon"], self.mesh.culvert, "proxy",
                                               "ztunnel"],
                             self.node.log + "-second.log", env=self.node.environment(),
                             netns=self.mesh.control_ns)
        self.addCleanup(second_one.stop)
        try:
            wait_for(lambda: len(self.listening(self.client, "-u")) == 2, "both to listen", 15)
            time.sleep(1.2)
            old.signal(signal.SIGTERM)
            self.assertEqual(old.wait(15), 0)
            wait_for(lambda: len(self.listening(self.client, "-u")) == 1, "the old one's sockets to go")
            time.sleep(1.2)
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        self.assertEqual(lost, [])
        self.assertGreater(min(made), 1)
