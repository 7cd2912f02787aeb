"""The image under test: made once a run, and unpacked by umoci, as a container runtime would."""

import atexit
import functools
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from harness import runner

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def run(*words, **options):
    """Output of a command; raises with what it said."""
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


@functools.cache
def scratch():
    """A folder that is removed at the end. Not in memory: root file systems go in."""
    folder = tempfile.mkdtemp(prefix="culvert-image-", dir=os.environ.get("TMPDIR", "/var/tmp"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return pathlib.Path(folder)


def build(out, *options):
    """Runs deploy/image/build and returns the archive."""
    run(SOURCE / "deploy/image/build", "--out", out, *options)
    return next(pathlib.Path(out).glob("*.oci.tar"))


def build_of_programs(out):
    return build(out, "--programs", os.path.abspath(runner.OPTIONS.bin))


@functools.cache
def archive():
    """The archive under test."""
    wanted = os.environ.get("CULVERT_IMAGE", "")
    if wanted == "build":
        return build(scratch() / "archive")
    return pathlib.Path(wanted) if wanted else build_of_programs(scratch() / "archive")


class Image:
    """An archive taken apart: `folder` is the layout, `bundle` what umoci makes of it for a runtime."""

    def __init__(self, path, folder):
        self.path, self.folder = path, pathlib.Path(folder)
        self.folder.mkdir()
        run("tar", "-x", "-f", path, "-C", self.folder)
        self.index = self.read("index.json")
        descriptor = self.index["manifests"][0]
        self.tag = descriptor["annotations"]["org.opencontainers.image.ref.name"]
        self.digest = descriptor["digest"]
        self.manifest = self.read(self.blob(self.digest))
        self.config = self.read(self.blob(self.manifest["config"]["digest"]))

    def read(self, name):
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    @staticmethod
    def blob(digest):
        return "blobs/" + digest.replace(":", "/")

    def sound(self):
        """Every blob has the name of its content."""
        blobs = list((self.folder / "blobs/sha256").iterdir())
        return blobs and all(hashlib.sha256(b.read_bytes()).hexdigest() == b.name for b in blobs)

    @functools.cached_property
    def bundle(self):
        folder = self.folder.parent / (self.folder.name + "-bundle")
        run("umoci", "unpack", "--image", f"{self.folder}:{self.tag}", folder)
        return folder

    @property
    def rootfs(self):
        return self.bundle / "rootfs"


@functools.cache
def image():
    return Image(archive(), scratch() / "layout")
