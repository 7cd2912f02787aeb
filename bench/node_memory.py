"""How much memory the proxies of one node take with so many pods on it: the proportional set of all
of them together, which counts a page that several share once."""

import http.client
import time

from measures import sample
from variant import HTTP, Variant


def ask(ns, ip, port=HTTP, mark="-", timeout=10):
    """The status of one request from a namespace."""
    with ns.connect((ip, port), timeout) as s:
        s.sendall(f"GET / HTTP/1.1\r\nHost: {ip}:{port}\r\nX-Mark: {mark}\r\nConnection: close\r\n\r\n".encode())
        answer = http.client.HTTPResponse(s)
        answer.begin()
        answer.read()
        return answer.status


def proportional(processes):
    """Bytes, summed."""
    return sum(p.memory()["pss"] for p in processes)


def at_rest(processes, seconds=2.0):
    """The same when it no longer moves by more than a hundredth."""
    old = proportional(processes)
    for _ in range(15):
        time.sleep(seconds)
        new = proportional(processes)
        if abs(new - old) < max(65536, old * 0.01):
            return new
        old = new
    return old


def node_of(name, options, pods, services):
    """Every pod has sent a request, so that its proxy is known to carry it and has been used."""
    variant = Variant(name, options, services=services, pods=pods)
    try:
        for ns in variant.clients:
            if (status := ask(ns, variant.target)) != 200:
                raise RuntimeError(f"{name}: a pod of {pods} was answered {status}")
        proxies = variant.daemons[:-1]
        size = at_rest(proxies)
        return sample(variant, f"memory of a node, {pods} pods, {services} services", size / 1e6, "MB",
                      processes=len(proxies), anonymous=sum(p.memory()["anonymous"] for p in proxies) / 1e6)
    finally:
        variant.close()
