#!/usr/bin/env python3
"""Makes docs/dashboard.svg: two daemons carry traffic, Prometheus scrapes both, and the dashboard's
own queries are drawn. Needs root, a release build and the program prometheus (Debian's package).

Example: sudo tests/charts/picture/draw.py --seconds 240
"""

import argparse
import functools
import json
import math
import pathlib
import random
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from harness import dns, traffic  # noqa: E402
from harness.mesh import Mesh  # noqa: E402
from harness.node import STATS  # noqa: E402
from harness.process import Process, wait_for  # noqa: E402
from test_dns import with_resolv_conf  # noqa: E402
import panels  # noqa: E402

DASHBOARD = ROOT / "deploy" / "helm" / "culvert" / "files" / "dashboard.json"
SCRAPE, RATE = 2, "14s"  # seconds between scrapes; what Grafana makes of $__rate_interval then
PORT = 9090
RESOLVER = 5001  # its address number


def build(mesh):
    """Two services on the second node, clients on the first, and one that a policy turns away."""
    for name in ("front", "batch", "stranger", "late"):
        mesh.pod(name, 0)
    web, db = mesh.pod("web", 1), mesh.pod("db", 1)
    mesh.pod("outsider", 0, enrolled=False)
    for number, (pod, port) in enumerate([(web, 80), (db, 5432)], 1):
        mesh.service(pod.name, number, {port: 8080}, [pod])
    allowed = [[[{"principals": [{"Exact": f"cluster.local/ns/demo/sa/{name}"}]}]]
               for name in ("front", "batch")]
    mesh.policy("clients", "Allow", allowed, pods=[db])


def request(pod, address, size):
    """One connection that sends `size` bytes, and reads them back."""
    try:
        with pod.ns.connect(address, 5) as s:
            s.sendall(b"x" * size)
            s.shutdown(1)
            traffic.receive_all(s)
    except OSError:
        pass  # some are meant to fail: the picture shows them


def look_up(pod, address, name):
    """One query, over UDP or, now and then, TCP."""
    try:
        if random.random() < 0.1:
            with pod.ns.connect((address, 53), 5) as s:
                dns.over_tcp(s, dns.query(name, dns.AAAA))
        else:
            dns.ask(pod.ns, address, name, dns.A, timeout=5)
    except (OSError, EOFError):
        pass


def resolve(asked, tcp, say):
    """What the resolver says: after a while, which differs, and for one name never."""
    name, kind = dns.asked_for(asked)
    if name.startswith("silent"):
        return None
    answer = dns.reply(asked, [dns.record(dns.A, b"\xcb\0\x71\7")] if kind == dns.A else [])
    if tcp:
        return answer
    threading.Timer(random.expovariate(200), say, (answer,)).start()
    return None


def wave(seconds, low, high):
    """A rate that swings once in `seconds`."""
    began = time.monotonic()
    return lambda: low + (high - low) * (1 - math.cos((time.monotonic() - began) * 6.283 / seconds)) / 2


def keep_on(stop, step, rate):
    while not stop.wait(1 / rate()):
        step()


def start_load(mesh, stop, seconds):
    pods = mesh.pods
    plans = [(pods["front"], ("198.19.0.1", 80), 20_000, wave(seconds, 5, 40)),
             (pods["batch"], ("198.19.0.2", 5432), 200_000, wave(seconds / 2, 2, 10)),
             (pods["front"], ("198.19.0.2", 5432), 2_000, lambda: 8.0),
             (pods["stranger"], ("198.19.0.2", 5432), 100, lambda: 0.5),
             (pods["late"], (pods["web"].v4, 8081), 100, lambda: 0.3),
             (pods["outsider"], (pods["web"].v4, 8080), 1_000, lambda: 3.0)]
    plans = [(functools.partial(request, *plan), rate) for *plan, rate in plans]
    anywhere = mesh.fabric.v4(9999)  # captured
    plans += [(functools.partial(look_up, pods[pod], anywhere, name), rate) for pod, name, rate in (
        ("front", "web.demo.svc.cluster.local", wave(seconds, 10, 60)),
        ("batch", "db", lambda: 15.0),
        ("batch", "elsewhere.test", wave(seconds / 2, 5, 25)),
        ("stranger", "silent.test", lambda: 0.4))]
    threads = [threading.Thread(target=keep_on, args=(stop, *plan), daemon=True) for plan in plans]
    for thread in threads:
        thread.start()
    return threads


def start_prometheus(mesh, program, folder):
    targets = [{"targets": [f"{mesh.fabric.v4(10 + n)}:{STATS}"], "labels": {"instance": node.name}}
               for n, node in enumerate(mesh.nodes)]
    config = pathlib.Path(folder) / "prometheus.yml"
    config.write_text(json.dumps({"scrape_configs": [{
        "job_name": "istio-system/ztunnel", "scrape_interval": f"{SCRAPE}s",
        "static_configs": targets}]}), encoding="utf-8")
    process = Process("prometheus", [
        program, f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{PORT}"], f"{folder}/log", netns=mesh.control_ns)
    return process


def ask(mesh, expression, span, step):
    """Series of a range query: [(labels, [(time, value), ...]), ...]."""
    query = urllib.parse.urlencode({"query": expression, "start": span[0], "end": span[1], "step": step})
    with mesh.control_ns.connect(("127.0.0.1", PORT)) as s:
        s.sendall(f"GET /api/v1/query_range?{query} HTTP/1.0\r\n\r\n".encode())
        body = traffic.receive_all(s).partition(b"\r\n\r\n")[2]
    answer = json.loads(body)
    if answer["status"] != "success":
        raise RuntimeError(f"{expression}: {answer}")
    return [(one["metric"], [(float(at), float(value)) for at, value in one["values"]
                             if value not in ("NaN", "+Inf")]) for one in answer["data"]["result"]]


def scraped(mesh, prometheus):
    if not prometheus.running():
        raise RuntimeError(f"prometheus ended:\n{prometheus.log()[-2000:]}")
    try:
        return len(ask(mesh, "up == 1", (time.time() - 1, time.time()), 1)) == len(mesh.nodes)
    except OSError:
        return False  # it does not listen yet


def legend(pattern, labels):
    for name, value in labels.items():
        pattern = pattern.replace("{{" + name + "}}", value.rpartition("/")[2])
    return pattern


def collect(mesh, dashboard, span):
    data = {}
    for panel in dashboard["panels"]:
        series = []
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", RATE).replace("$instance", ".*")
            series += [(legend(target["legendFormat"], labels), points)
                       for labels, points in ask(mesh, expression, span, 4) if points]
        data[panel["id"]] = sorted(series)
    return data


def use_resolver(mesh):
    address = mesh.fabric.v4(RESOLVER)
    mesh.upstream = dns.Resolver(mesh.fabric.attach("resolver", RESOLVER), address, resolve)
    resolv_conf = pathlib.Path(mesh.dir) / "resolv.conf"
    resolv_conf.write_text(f"nameserver {address}\n", encoding="ascii")
    mesh.prefix["daemon"] = with_resolv_conf(resolv_conf)


def picture(options, mesh, dashboard):
    build(mesh)
    use_resolver(mesh)
    mesh.start()
    stop = threading.Event()
    with tempfile.TemporaryDirectory() as folder, \
            traffic.Server(mesh.pods["web"].ns, (mesh.pods["web"].v4, 8080), traffic.echo), \
            traffic.Server(mesh.pods["db"].ns, (mesh.pods["db"].v4, 8080), traffic.echo):
        prometheus = start_prometheus(mesh, options.prometheus, folder)
        try:
            wait_for(lambda: scraped(mesh, prometheus), "a scrape", 60, 0.5)
            began = time.time()
            threads = start_load(mesh, stop, options.seconds / 2)
            time.sleep(options.seconds / 2)
            mesh.control.stop()  # for the panels of the control plane
            time.sleep(options.seconds / 8)
            mesh.start_control()
            time.sleep(options.seconds * 3 / 8)
            span = (began + 2 * SCRAPE, time.time())
            stop.set()
            for thread in threads:
                thread.join()
            return panels.draw(dashboard, collect(mesh, dashboard, span), span, options.footer)
        finally:
            prometheus.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--bin", default="build/release/bin")
    parser.add_argument("--logs", default="build/logs")
    parser.add_argument("--seconds", type=int, default=240)
    parser.add_argument("--prometheus", default="prometheus", help="the program")
    parser.add_argument("--output", default="docs/dashboard.svg")
    options = parser.parse_args()
    options.footer = (f"Two daemons, {options.seconds} s, scraped every {SCRAPE} s by Prometheus; its answers "
                      "to this dashboard's queries, drawn by tests/charts/picture/draw.py, not by Grafana")
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    with Mesh(options.bin, options.logs, "picture") as mesh:
        pathlib.Path(options.output).write_text(picture(options, mesh, dashboard), encoding="utf-8")


if __name__ == "__main__":
    main()
