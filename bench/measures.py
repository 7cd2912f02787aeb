"""The measures. Each takes a variant (or makes fresh ones) and yields samples:
{"variant", "measure", "value", "unit", and what else is worth keeping}."""

import json
import os
import re
import subprocess
import tempfile
import time

from harness import certificates, traffic
from variant import ECHO, GENERATOR, HTTP, IPERF, Variant


def sample(variant, measure, value, unit, **more):
    return {"variant": variant.name, "measure": measure, "value": value, "unit": unit, **more}


def client(variant, *words, seconds):
    """Runs a load program in the client's namespace; returns its output and the daemons' CPU."""
    before = variant.cpu()
    run = subprocess.run(variant.client.command(*words), capture_output=True, text=True, check=False,
                         timeout=seconds + 60)
    cpu = variant.cpu() - before
    if run.returncode != 0:
        raise RuntimeError(f"{variant.name}: {' '.join(map(str, words))}: {run.stderr[-800:]}")
    return run.stdout, cpu


def fortio(variant, seconds, rate, connections, *words):
    text, cpu = client(
        variant, "env", *(f"{k}={v}" for k, v in GENERATOR.items()), "fortio", "load", "-qps", rate, "-c", connections,
        "-t", f"{seconds}s", "-quiet", "-uniform", "-allow-initial-errors", *words, "-json", "-",
        f"http://{variant.target}:{HTTP}/", seconds=seconds)
    result = json.loads(text[text.index("{"):])
    requests = result["DurationHistogram"]["Count"]
    good = result["RetCodes"].get("200", 0)
    return {"requests": requests, "errors": requests - good, "rate": result["ActualQPS"], "cpu": cpu}


def percentile(ordered, percent):
    """Linear between the two nearest ranks."""
    at = (len(ordered) - 1) * percent / 100
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def fortio_latencies(variant, seconds, rate, connections):
    """As fortio(), with the percentiles of the requests themselves: those of Fortio's histogram
    are no finer than its intervals, a tenth to a quarter of the value."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        path = os.path.join(folder, "requests")
        got = fortio(variant, seconds, rate, connections, "-access-log-file", path)
        with open(path, encoding="ascii") as file:
            micros = sorted(json.loads(line)["latency"] * 1e6 for line in file)
    if len(micros) < got["requests"]:
        raise RuntimeError(f"{variant.name}: {len(micros)} of {got['requests']} requests logged")
    got["percentiles"] = {f"{p:g}": percentile(micros, p) for p in (50, 90, 99, 99.9)}
    return got


def iperf(variant, seconds, *words):
    """The totals of one run. A server that still tidies up after the last one answers nothing."""
    for _ in range(4):
        text, cpu = client(variant, "iperf3", "-c", variant.address, "-p", IPERF, "-J", "-t",
                           int(seconds), *words, seconds=seconds)
        got = json.loads(text)
        if "sum_received" in got["end"]:
            return got["end"], cpu
        time.sleep(1)
    raise RuntimeError(f"{variant.name}: iperf3 {words}: {got.get('error') or text[-800:]}")


def fixed_rate(variant, options, rate=1000):
    for connections in (2, 16, 64):
        got = fortio_latencies(variant, options.seconds, rate, connections)
        at = f"at {rate:,}/s, c={connections}"
        for rank, micros in got["percentiles"].items():
            yield sample(variant, f"p{rank} {at}", micros, "us", errors=got["errors"], rate=got["rate"])
        if variant.daemons:
            yield sample(variant, f"CPU per 1,000 requests {at}", got["cpu"] / got["requests"] * 1e6, "ms")


def highest_rate(variant, options):
    got = fortio(variant, options.seconds, 0, 16)
    yield sample(variant, "highest rate, c=16", got["rate"], "1/s", errors=got["errors"])
    if variant.daemons:
        yield sample(variant, "CPU per 1,000 requests at highest rate",
                     got["cpu"] / got["requests"] * 1e6, "ms")


def new_connections(variant, options):
    got = fortio(variant, options.seconds, 0, 16, "-keepalive=false")
    yield sample(variant, "new connection per request, c=16", got["rate"], "1/s", errors=got["errors"])
    if variant.daemons:
        yield sample(variant, "CPU per 1,000 new connections", got["cpu"] / got["requests"] * 1e6, "ms")


def bulk(variant, options):
    for streams in (1, 4):
        for direction, words in (("up", []), ("down", ["-R"])):
            got, cpu = iperf(variant, options.seconds, "-P", streams, *words)
            size = got["sum_received"]["bytes"]
            yield sample(variant, f"{direction}, {streams} stream{'s' * (streams > 1)}",
                         got["sum_received"]["bits_per_second"] / 1e9, "Gbit/s",
                         retransmits=got["sum_sent"].get("retransmits"))
            if variant.daemons:
                yield sample(variant, f"CPU per GB, {direction}, {streams} stream{'s' * (streams > 1)}",
                             cpu / size * 1e9, "s")


def handshakes(variant, options):
    """Full TLS handshakes against port 15008, from a pod that nothing redirects. No pool is in the
    way: two OpenSSL clients connect again and again, each with a certificate of the mesh."""
    if not variant.mesh:
        return
    issuer = certificates.of_mesh(variant.mesh)
    cert, key = issuer.issue("bench", "spiffe://cluster.local/ns/demo/sa/bench")
    command = variant.plain.command(
        "openssl", "s_time", "-connect", f"{variant.address}:15008", "-cert", cert, "-key", key,
        "-CAfile", issuer.cert, "-new", "-tls1_3", "-time", int(options.seconds))
    server = variant.daemons[1]
    before, begin = server.cpu_seconds(), time.monotonic()
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(2)]
    texts = [r.communicate(timeout=options.seconds + 60)[0] for r in runs]
    took = time.monotonic() - begin
    time.sleep(0.2)
    cpu = server.cpu_seconds() - before
    counts = [re.search(r"(\d+) connections in \d+ real seconds", t) for t in texts]
    if not all(counts):
        raise RuntimeError(f"{variant.name}: openssl s_time: {texts}")
    total = sum(int(c.group(1)) for c in counts)
    yield sample(variant, "full handshakes at 15008", total / took, "1/s")
    yield sample(variant, "CPU per 1,000 full handshakes (server)", cpu / total * 1e6, "ms")


def memory_after_load(variant):
    for side, daemon in zip(("client side", "server side"), variant.daemons):
        got = daemon.memory()
        yield sample(variant, f"RSS after load, {side}", got["rss"] / 1e6, "MB", **got)


# Measures that need fresh daemons.

def settle(daemons, seconds=3.0):
    """Waits until no daemon's memory moves any more; returns the memory of each."""
    old = [d.memory() for d in daemons]
    for _ in range(20):
        time.sleep(seconds)
        new = [d.memory() for d in daemons]
        if all(abs(a["rss"] - b["rss"]) < 65536 for a, b in zip(old, new)):
            return new
        old = new
    return old


def tunnels_of(variant):
    """Established connections to port 15008 in the client's pod."""
    run = variant.client.run("cat", "/proc/net/tcp")
    return len(re.findall(r" [0-9A-F]{8}:[0-9A-F]{4} [0-9A-F]{8}:3AA0 01 ", run.stdout))


def open_and_measure(variant, count, tunnels):
    """Opens `count` connections that each carried a byte, over at least `tunnels` tunnels; returns
    memory before and with them."""
    echo = traffic.ManyEcho(variant.server, (variant.address, ECHO))
    try:
        warm = traffic.open_many(variant.client, (variant.address, ECHO), 4)
        traffic.ask_all(warm)
        before = settle(variant.daemons)
        made = traffic.open_many(variant.client, (variant.address, ECHO), count)
        answered = traffic.ask_all(made)
        if answered != count:
            raise RuntimeError(f"{variant.name}: {answered} of {count} connections answered")
        if tunnels_of(variant) < tunnels:
            raise RuntimeError(f"{variant.name}: {tunnels_of(variant)} tunnels instead of {tunnels}")
        after = settle(variant.daemons)
        for s in [*made, *warm]:
            s.close()
        return before, after
    finally:
        echo.close()


def growth(variant, count, measure, tunnels=1):
    before, after = open_and_measure(variant, count, tunnels)
    for side, b, a in zip(("client side", "server side"), before, after):
        yield sample(variant, f"{measure}, {side}", (a["anonymous"] - b["anonymous"]) / count, "B",
                     count=count, before=b, after=a)



def idle_memory(name, options):
    """Idle RSS, and the growth by many idle connections that share tunnels."""
    if name == "direct":
        return []
    variant = Variant(name, options, servers=False)
    try:
        idle = settle(variant.daemons, 2.0)
        out = [sample(variant, f"idle {key}, {side}", value[key.lower()] / 1e6, "MB")
               for side, value in zip(("client side", "server side"), idle)
               for key in ("RSS", "anonymous", "PSS")]
        return out + list(growth(variant, options.connections, "per idle connection"))
    finally:
        variant.close()


def tunnel_memory(name, options):
    """The growth by tunnels: with one stream a tunnel, every connection makes one."""
    if name == "direct":
        return []
    variant = Variant(name, options, env={"POOL_MAX_STREAMS_PER_CONNECTION": "1"}, servers=False)
    try:
        return list(growth(variant, options.tunnels, "per tunnel", options.tunnels))
    finally:
        variant.close()


FRESH = {"idle": idle_memory, "tunnels": tunnel_memory}
STEADY = {"rate": fixed_rate, "highest": highest_rate, "connections": new_connections, "bulk": bulk,
          "handshakes": handshakes}
GROUPS = [*FRESH, *STEADY]
