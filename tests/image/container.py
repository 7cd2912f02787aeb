"""The daemon in its image under runc, as a kubelet starts it for the upstream chart's DaemonSet."""

import copy
import json
import os
import pathlib
import subprocess

from archive import image
from harness.node import CONTROL
from harness.process import Process

ISTIOD = "istiod.istio-system.svc"
# securityContext of the chart: all dropped, these added; uid 0, gid 1337, read-only root.
CAPABILITIES = ("CAP_NET_ADMIN", "CAP_SYS_ADMIN", "CAP_NET_RAW")
ARGUMENTS = ["proxy", "ztunnel"]
# What containerd hides from every container that is not privileged.
MASKED = ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
          "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def environment(node):
    """What the chart and the kubelet set."""
    return {
        "CA_ADDRESS": f"{ISTIOD}:15012", "XDS_ADDRESS": f"{ISTIOD}:15012", "RUST_LOG": "info",
        "RUST_BACKTRACE": "1", "ISTIO_META_CLUSTER_ID": "Kubernetes", "INPOD_ENABLED": "true",
        "TERMINATION_GRACE_PERIOD_SECONDS": "30", "POD_NAME": f"ztunnel-{node.name}",
        "POD_NAMESPACE": "istio-system", "NODE_NAME": node.name, "INSTANCE_IP": "198.18.0.10",
        "SERVICE_ACCOUNT": "ztunnel", "ISTIO_META_ENABLE_HBONE": "true", "ZTUNNEL_CPU_LIMIT": "2",
        "HOSTNAME": f"ztunnel-{node.name}", "KUBERNETES_SERVICE_HOST": "198.19.255.1",
        "KUBERNETES_SERVICE_PORT": "443", "KUBERNETES_PORT": "tcp://198.19.255.1:443",
    }


class Files:
    """A pod's volumes, laid out as the kubelet lays them out."""

    def __init__(self, node):
        self.folder = pathlib.Path(node.dir, "pod")
        self.folder.mkdir()
        self.tokens = self.projected("tokens", "istio-token", node.token)
        self.roots = self.projected("istio", "root-cert.pem",
                                    pathlib.Path(node.mesh.state("root-cert.pem")).read_text(encoding="ascii"))
        self.sockets = os.path.dirname(node.zds)
        self.tmp = self.folder / "tmp"
        self.tmp.mkdir()
        self.hosts = self.file("hosts", f"127.0.0.1 localhost\n{node.mesh.fabric.v4(CONTROL)} {ISTIOD}\n")
        self.resolver = self.file("resolv.conf", "nameserver 127.0.0.1\n")
        self.name = self.file("hostname", f"ztunnel-{node.name}\n")

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="ascii")
        return path

    def projected(self, volume, name, text):
        """name -> ..data/name, ..data -> a folder that is replaced as a whole."""
        folder = self.folder / volume
        (folder / "..data.1").mkdir(parents=True)
        (folder / "..data").symlink_to("..data.1")
        (folder / name).symlink_to(f"..data/{name}")
        (folder / "..data.1" / name).write_text(text, encoding="ascii")
        return folder

    def mounts(self):
        def bind(source, there, *options):
            return {"destination": there, "type": "bind", "source": str(source),
                    "options": ["rbind", "rprivate", *options]}
        return [
            bind(self.tokens, "/var/run/secrets/tokens", "ro"), bind(self.roots, "/var/run/secrets/istio", "ro"),
            bind(self.sockets, "/var/run/ztunnel", "rw"), bind(self.tmp, "/tmp", "rw"),
            bind(self.hosts, "/etc/hosts", "ro"), bind(self.resolver, "/etc/resolv.conf", "ro"),
            bind(self.name, "/etc/hostname", "ro")]


def system_mounts():
    """What containerd mounts into every container."""
    def mount(there, kind, *options):
        return {"destination": there, "type": kind, "source": kind, "options": list(options)}
    return [
        mount("/proc", "proc", "nosuid", "noexec", "nodev"),
        mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
        mount("/dev/shm", "tmpfs", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
        mount("/sys", "sysfs", "nosuid", "noexec", "nodev", "ro")]


class Pod:
    """The DaemonSet's pod on a node of the mesh; start() runs its one container."""

    def __init__(self, node):
        self.node = node
        node.zds = os.path.join(node.dir, "ztunnel", "ztunnel.sock")
        os.makedirs(os.path.dirname(node.zds))
        self.files, self.count = None, 0
        self.state = os.path.join(node.mesh.dir, "runc")
        self.id = None

    def specification(self, capabilities, changes):
        """The image's own configuration with the chart's over it. A change to None removes a variable."""
        own = image().config["config"]
        values = dict(x.split("=", 1) for x in own["Env"])
        values.update(environment(self.node))
        values.update(changes)
        held = list(capabilities)
        linux = {"namespaces": [{"type": x} for x in ("pid", "ipc", "uts", "mount")]
                 + [{"type": "network", "path": self.node.ns.path}],
                 "maskedPaths": MASKED, "readonlyPaths": READ_ONLY, "cgroupsPath": f"/culvert-test/{self.id}",
                 "resources": {"cpu": {"shares": 204}, "devices": [{"allow": False, "access": "rwm"}]}}
        return {
            "ociVersion": "1.0.2", "hostname": f"ztunnel-{self.node.name}",
            "process": {
                "user": {"uid": 0, "gid": 1337}, "args": own["Entrypoint"] + ARGUMENTS, "cwd": own["WorkingDir"],
                "env": [f"{k}={v}" for k, v in values.items() if v is not None], "noNewPrivileges": False,
                "capabilities": {x: held for x in ("bounding", "effective", "permitted")}},
            "root": {"path": str(image().rootfs), "readonly": True},
            "mounts": system_mounts() + self.files.mounts(), "linux": linux}

    def start(self, capabilities=CAPABILITIES, mounts=None, **changes):
        """Starts the container as the node's daemon. `mounts` may change the list of mounts."""
        self.remove()  # one that should have ended and did not
        self.files = self.files or Files(self.node)
        self.count += 1
        self.id = f"{self.node.ns.name}-{self.count}"
        specification = self.specification(capabilities, changes)
        if mounts:
            specification["mounts"] = mounts(copy.deepcopy(specification["mounts"]))
        bundle = os.path.join(self.node.dir, f"bundle-{self.count}")
        os.mkdir(bundle)
        with open(os.path.join(bundle, "config.json"), "w", encoding="utf-8") as file:
            json.dump(specification, file, indent=1)
        # runc run hands signals on, and ends as the container ends.
        self.node.daemon = Process(
            f"{self.node.name} container", ["runc", "--root", self.state, "run", "--bundle", bundle, self.id],
            f"{self.node.log}.log")
        return self.node.daemon

    def first_process(self):
        """Its number outside."""
        state = subprocess.run(["runc", "--root", self.state, "state", self.id], capture_output=True, text=True,
                               check=True)
        return json.loads(state.stdout)["pid"]

    def execute(self, *words):
        """kubectl exec."""
        return subprocess.run(["runc", "--root", self.state, "exec", self.id, *words], capture_output=True,
                              text=True, check=False, timeout=60)

    def remove(self):
        if self.id:
            subprocess.run(["runc", "--root", self.state, "delete", "--force", self.id], check=False,
                           capture_output=True)
