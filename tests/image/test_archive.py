"""The archive: what is inside, what it says of itself, who can read it, and that it can be made again."""

import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import unittest

from archive import SOURCE, Image, archive, build_of_programs, image, run, scratch

LARGEST = 30_000_000
LIST = "usr/share/doc/culvert/culvert.spdx.json"
# Every folder that has files. What is not named here has no business in the image.
FOLDERS = ("etc", "etc/ssl/certs", "usr/lib", "usr/local/bin", "usr/share/common-licenses", "usr/share/doc/*",
           "usr/lib/*-linux-gnu")
PROGRAMS = {"usr/local/bin/culvert", "usr/local/bin/culvertctl"}


def files():
    """Paths of the image's regular files."""
    root = image().rootfs
    return {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and not p.is_symlink()}


class Contents(unittest.TestCase):
    def test_nothing_but_what_is_needed(self):
        strangers = [f for f in files() if not any(pathlib.PurePath(f).parent.match(x) and
                     len(pathlib.PurePath(f).parent.parts) == x.count("/") + 1 for x in FOLDERS)]
        self.assertEqual(strangers, [])
        self.assertEqual({f for f in files() if f.startswith("usr/local/bin/")}, PROGRAMS)
        libraries = [f for f in files() if re.match(r"usr/lib/[^/]+-linux-gnu/", f)]
        self.assertEqual([f for f in libraries if ".so" not in f], [])

    def test_no_program_but_ours_and_the_loader(self):
        root = image().rootfs
        started = {f for f in files() if os.stat(root / f).st_mode & 0o111}
        self.assertEqual({f for f in started if "/ld-linux-" not in f}, PROGRAMS)
        for name in ("sh", "bash", "busybox", "dpkg", "apt", "env", "ls"):
            for folder in ("bin", "usr/bin", "sbin", "usr/sbin", "usr/local/bin"):
                self.assertFalse((root / folder / name).exists(), name)

    def test_owners_and_modes(self):
        root = image().rootfs
        for name in files():
            its = os.lstat(root / name)
            self.assertEqual((its.st_uid, its.st_gid), (0, 0), name)
            self.assertEqual(its.st_mode & (stat.S_ISUID | stat.S_ISGID | 0o022), 0, name)
        self.assertEqual(stat.S_IMODE(os.stat(root / "tmp").st_mode), 0o1777)

    def test_programs_are_whole_and_stripped(self):
        root = image().rootfs
        self.assertEqual(os.readlink(root / "usr/local/bin/ztunnel"), "culvert")
        for words in (["ztunnel", "version"], ["culvert", "help"], ["culvertctl", "version"]):
            run("chroot", root, f"/usr/local/bin/{words[0]}", *words[1:], env={"PATH": "/usr/sbin:/usr/bin"})
        for name in PROGRAMS:
            self.assertNotIn(".debug_info", run("readelf", "--sections", "--wide", root / name), name)

    def test_licences_of_every_package(self):
        root = image().rootfs
        listed = {p["name"] for p in json.loads((root / LIST).read_text(encoding="utf-8"))["packages"]}
        self.assertTrue({"culvert", "libc6", "ca-certificates", "nlohmann-json3-dev"} <= listed, listed)
        for name in listed:
            text = (root / "usr/share/doc" / name / "copyright").read_text(encoding="utf-8")
            for common in set(re.findall(r"/usr/share/common-licenses/((?:GPL|LGPL|Apache)-[\d.]*\d)", text)):
                self.assertTrue((root / "usr/share/common-licenses" / common).is_file(), (name, common))

    def test_authorities(self):
        root = image().rootfs
        bundle = root / "etc/ssl/certs/ca-certificates.crt"
        self.assertGreater(bundle.read_text(encoding="ascii").count("BEGIN CERTIFICATE"), 100)
        self.assertEqual(os.path.realpath(root / "usr/lib/ssl/cert.pem"), str(bundle))

    def test_accounts(self):
        root = image().rootfs
        self.assertEqual([x.split(":")[0] for x in (root / "etc/passwd").read_text(encoding="ascii").splitlines()],
                         ["root", "nobody"])


class List(unittest.TestCase):
    """SPDX 2.3."""

    def setUp(self):
        self.document = json.loads((image().rootfs / LIST).read_text(encoding="utf-8"))

    def test_list_is_spdx(self):
        self.assertEqual(self.document["spdxVersion"], "SPDX-2.3")
        self.assertEqual(self.document["dataLicense"], "CC0-1.0")
        self.assertRegex(self.document["documentNamespace"], r"^https://spdx\.org/spdxdocs/culvert-.+")
        identifiers = [p["SPDXID"] for p in self.document["packages"]]
        self.assertEqual(len(identifiers), len(set(identifiers)))
        for identifier in identifiers:
            self.assertRegex(identifier, r"^SPDXRef-[A-Za-z0-9.-]+$")
        known = {"SPDXRef-DOCUMENT", *identifiers}
        for relationship in self.document["relationships"]:
            self.assertLessEqual({relationship["spdxElementId"], relationship["relatedSpdxElement"]}, known)

    def test_list_names_versions(self):
        for package in self.document["packages"]:
            self.assertTrue(package["versionInfo"], package)
            if package["name"] != "culvert":
                locator = package["externalRefs"][0]["referenceLocator"]
                self.assertRegex(locator, r"^pkg:deb/debian/[^@]+@[^?]+\?arch=(amd64|arm64|all)&distro=debian-1\d$")

    def test_list_lies_beside_the_archive(self):
        beside = pathlib.Path(str(archive()).removesuffix(".oci.tar") + ".spdx.json")
        self.assertEqual(json.loads(beside.read_text(encoding="utf-8")), self.document)


class Archive(unittest.TestCase):
    def test_size(self):
        self.assertLess(archive().stat().st_size, LARGEST)

    def test_blobs_are_what_they_are_called(self):
        self.assertTrue(image().sound())
        self.assertEqual(len(list((image().folder / "blobs/sha256").iterdir())), 3)

    def test_labels(self):
        labels = image().config["config"]["Labels"]
        self.assertEqual(labels, image().manifest["annotations"])
        self.assertEqual(labels["org.opencontainers.image.title"], "culvert")
        self.assertEqual(labels["org.opencontainers.image.licenses"], "Apache-2.0")
        self.assertRegex(labels["org.opencontainers.image.version"], r"^\d+\.\d+\.\d+$")
        self.assertRegex(labels["org.opencontainers.image.revision"], r"^[0-9a-f]{12}(-modified)?$")
        self.assertEqual(labels["org.opencontainers.image.created"], image().config["created"])

    def test_what_it_runs(self):
        config = image().config["config"]
        self.assertEqual(config["Entrypoint"], ["/usr/local/bin/ztunnel"])
        self.assertEqual(config["Cmd"], ["proxy", "ztunnel"])
        self.assertEqual(config["WorkingDir"], "/")

    def test_skopeo_reads_it_as_either_kind(self):
        copied = []
        for kind in ("oci-archive", "docker-archive"):
            out = scratch() / f"copied-{kind}"
            run("skopeo", "--insecure-policy", "copy", f"{kind}:{archive()}", f"dir:{out}")
            manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
            copied.append(json.loads((out / manifest["config"]["digest"].partition(":")[2]).read_text(encoding="utf-8")))
        self.assertEqual(copied[0], copied[1])
        self.assertEqual(copied[0]["rootfs"], image().config["rootfs"])

    def test_it_carries_its_name_for_everyone(self):
        annotations = image().index["manifests"][0]["annotations"]
        name = annotations["io.containerd.image.name"]
        self.assertEqual(image().read("manifest.json")[0]["RepoTags"], [name])
        self.assertTrue(name.endswith(":" + annotations["org.opencontainers.image.ref.name"]), name)


class Containerd(unittest.TestCase):
    """`ctr images import`, and the form of it that `kind load image-archive` uses."""

    def test_containerd_imports_it(self):
        if not shutil.which("containerd"):
            self.skipTest("containerd is not installed")
        folder = scratch() / "containerd"
        folder.mkdir()
        said = run("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation",
                   "private", SOURCE / "tests/image/containerd.sh", folder, archive())
        name = image().index["manifests"][0]["annotations"]["io.containerd.image.name"]
        self.assertRegex(said, rf"(?m)^{re.escape(name)} +\S+ +{image().digest} ")


class Again(unittest.TestCase):
    def test_two_builds_are_one(self):
        """Made by another time, in another folder, under another mask."""
        first = build_of_programs(scratch() / "first") if os.environ.get("CULVERT_IMAGE") else archive()
        old = os.umask(0o077)
        try:
            second = build_of_programs(scratch() / "second")
        finally:
            os.umask(old)
        self.assertEqual(first.read_bytes(), second.read_bytes())
        self.assertEqual(Image(first, scratch() / "first-layout").digest,
                         Image(second, scratch() / "second-layout").digest)

    def test_wrong_options_say_so(self):
        for words, said in ((["--frobnicate"], "no option '--frobnicate'"),
                            (["--programs", str(scratch())], "culvert"),
                            (["--programs", os.path.abspath("build/release/bin"), "--name", "x"], "--name x")):
            done = subprocess.run([SOURCE / "deploy/image/build", *words, "--out", scratch() / "wrong"],
                                  capture_output=True, text=True, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(said, done.stdout + done.stderr)


class Dockerfile(unittest.TestCase):
    """Those with an engine get the same: contents come from the same script, the rest is compared."""

    def setUp(self):
        text = (SOURCE / "deploy/image/Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
        self.last = text.rpartition("\nFROM ")[2]
        self.text = text

    def instruction(self, word):
        return re.findall(rf"^{word} +(.+)$", self.last, re.M)

    def test_dockerfile_runs_the_same_way(self):
        config = image().config["config"]
        self.assertEqual(json.loads(self.instruction("ENTRYPOINT")[0]), config["Entrypoint"])
        self.assertEqual(json.loads(self.instruction("CMD")[0]), config["Cmd"])
        self.assertEqual(self.instruction("WORKDIR"), [config["WorkingDir"]])
        self.assertEqual(self.instruction("USER"), [config["User"]])
        self.assertEqual(self.instruction("ENV"), config["Env"])

    def test_dockerfile_has_the_same_labels(self):
        named = set(re.findall(r"(org\.opencontainers\.[\w.]+)=", " ".join(self.instruction("LABEL"))))
        self.assertEqual(named, set(image().config["config"]["Labels"]))

    def test_dockerfile_has_the_same_version(self):
        version = image().config["config"]["Labels"]["org.opencontainers.image.version"]
        self.assertEqual(self.instruction("ARG")[0], f"VERSION={version}")

    def test_dockerfile_takes_contents_from_the_same_script(self):
        self.assertRegex(self.text, r"\nRUN deploy/image/inside /image ")
        self.assertEqual(self.instruction("COPY"), ["--from=build /image/ /"])
        self.assertTrue(self.last.startswith("scratch\n"))
