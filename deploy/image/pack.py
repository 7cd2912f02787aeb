#!/usr/bin/env python3
"""Makes an image archive of a root file system, with tar and umoci.

The archive is an OCI image layout in a tar file that also carries the manifest.json of Docker's format,
so that everything loads it. The same input gives the same bytes: names are sorted, owners are 0:0, and
all times are that of the commit.
"""

import argparse
import datetime
import json
import pathlib
import subprocess
import tempfile

ENTRYPOINT = ["/usr/local/bin/ztunnel"]
ARGUMENTS = ["proxy", "ztunnel"]
PATH = "/usr/local/bin"


def run(*words):
    subprocess.run(list(map(str, words)), check=True)


def tar(folder, out, created):
    run("tar", "--create", "--file", out, "--directory", folder, "--format=ustar", "--sort=name",
        "--numeric-owner", "--owner=0", "--group=0", f"--mtime=@{created}",
        *sorted(p.name for p in pathlib.Path(folder).iterdir()))


def labels(options):
    return {
        "org.opencontainers.image.title": "culvert",
        "org.opencontainers.image.description": "Node proxy (ztunnel) for Istio's ambient mesh",
        "org.opencontainers.image.version": options.version,
        "org.opencontainers.image.revision": options.revision,
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.created": moment(options.created),
    }


def moment(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def make_layout(options, layout, layer):
    """One layer, one configuration, one manifest."""
    image = f"{layout}:{options.name.rpartition(':')[2]}"
    run("umoci", "init", "--layout", layout)
    run("umoci", "new", "--image", image)
    run("umoci", "raw", "add-layer", "--image", image, "--history.author", "",
        "--history.created", moment(options.created), "--history.created_by", "deploy/image/build", layer)
    settings = [f"--config.entrypoint={x}" for x in ENTRYPOINT] + [f"--config.cmd={x}" for x in ARGUMENTS]
    for key, value in labels(options).items():
        settings += [f"--config.label={key}={value}", f"--manifest.annotation={key}={value}"]
    run("umoci", "config", "--image", image, "--no-history", "--created", moment(options.created),
        "--os", "linux", "--architecture", options.architecture, "--config.workingdir", "/",
        "--config.user", "0:0", "--config.env", f"PATH={PATH}", *settings)
    run("umoci", "gc", "--layout", layout)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def blob(digest):
    return "blobs/" + digest.replace(":", "/")


def name_it(layout, name):
    """The name as containerd and as Docker look for it. Returns the manifest's descriptor."""
    index = read(layout / "index.json")
    descriptor = index["manifests"][0]
    descriptor.setdefault("annotations", {})["io.containerd.image.name"] = name
    (layout / "index.json").write_text(json.dumps(index, sort_keys=True), encoding="utf-8")
    manifest = read(layout / blob(descriptor["digest"]))
    (layout / "manifest.json").write_text(json.dumps([{
        "Config": blob(manifest["config"]["digest"]), "RepoTags": [name],
        "Layers": [blob(x["digest"]) for x in manifest["layers"]]}], sort_keys=True), encoding="utf-8")
    return descriptor


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", required=True, help="the root file system")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the archive to write")
    parser.add_argument("--name", required=True, help="name:tag of the image")
    parser.add_argument("--architecture", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--revision", required=True, help="the commit")
    parser.add_argument("--created", type=int, required=True, help="its time, seconds since 1970")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.out.parent) as work:
        layer, layout = pathlib.Path(work, "layer.tar"), pathlib.Path(work, "layout")
        tar(options.root, layer, options.created)
        make_layout(options, layout, layer)
        descriptor = name_it(layout, options.name)
        run("chmod", "-R", "u=rwX,go=rX", layout)
        archive = pathlib.Path(work, "archive.tar")
        tar(layout, archive, options.created)
        archive.replace(options.out)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB, {options.name}, {descriptor['digest']}")


if __name__ == "__main__":
    main()
