"""The services that a mesh has beside the one that is measured: what a sidecar, which is told of the
whole mesh, and a node's daemon both have to hold."""

import dataclasses

ENDPOINTS = 3
FIRST_VIP, FIRST_ADDRESS = 256, 20000  # numbers of harness addresses that nothing else uses


@dataclasses.dataclass(frozen=True)
class Service:
    host: str
    vip: str
    port: int
    endpoints: tuple
    identities: tuple


def identity(account):
    return f"spiffe://cluster.local/ns/demo/sa/{account}"


def host(name):
    return f"{name}.demo.svc.cluster.local"


def _name(number):
    return f"other-{number}"


def _replica(fabric, number, replica):
    return fabric.v4(FIRST_ADDRESS + number * ENDPOINTS + replica)


def neighbours(fabric, count, port):
    """The services as a sidecar is told of them."""
    return [Service(host(_name(n)), vip(FIRST_VIP + n), port,
                    tuple(_replica(fabric, n, r) for r in range(ENDPOINTS)), (identity(_name(n)),))
            for n in range(count)]


def vip(number):
    return f"198.19.{number >> 8}.{number & 255}"


def settle_in(mesh, count, port):
    """Adds the same services to the mesh of a control plane, with pods that nobody runs."""
    for n in range(count):
        mesh.service(_name(n), FIRST_VIP + n, {port: port}, [])
        mesh.padding += [_record(mesh, n, r, port) for r in range(ENDPOINTS)]


def _record(mesh, number, replica, port):
    name = f"{_name(number)}-{replica}"
    return {"uid": f"Kubernetes//Pod/demo/{name}", "name": name, "namespace": "demo",
            "serviceAccount": _name(number), "trustDomain": "cluster.local", "protocol": "HBONE",
            "workloadIps": [_replica(mesh.fabric, number, replica)], "node": "elsewhere",
            "workloadName": _name(number), "workloadType": "deployment", "canonicalName": _name(number),
            "canonicalRevision": "v1", "clusterId": "Kubernetes",
            "services": {f"demo/{host(_name(number))}": {port: port}}}
