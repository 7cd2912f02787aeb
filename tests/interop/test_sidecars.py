"""`bench/mesh sidecars` in its short form: a real Envoy in every pod carries what the figures say, and
no figure is missing."""

import glob
import json
import os
import pathlib
import subprocess
import sys
import types
import unittest
import xml.etree.ElementTree

import tools
from harness import runner

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"
MEASURES = [f"{what} at 100/s, c={c}" for c in (2, 16, 64) for what in ("p50", "p90", "p99")]
COST = [f"CPU per 1,000 requests at 100/s, c={c}" for c in (2, 16, 64)]
MEMORY = ["memory of a node, 3 pods, 20 services"]


class Sidecars(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        try:
            os.environ["CULVERT_ENVOY"] = tools.envoy()
            os.environ["PATH"] += ":" + os.path.dirname(tools.fortio())
        except tools.Missing as error:
            raise unittest.SkipTest(str(error)) from error
        sys.path.insert(0, str(BENCH))
        cls.results = os.path.join(os.path.abspath(runner.OPTIONS.logs), "sidecars")

    def test_short_run_has_every_figure(self):
        for old in glob.glob(f"{self.results}/mesh-*"):
            os.remove(old)
        run = subprocess.run([sys.executable, BENCH / "mesh", "--quick", "--bin", runner.OPTIONS.bin, "--results",
                              self.results, "sidecars"], capture_output=True, text=True, check=False, timeout=600)
        self.assertEqual(run.returncode, 0, run.stdout[-2000:] + run.stderr[-4000:])
        with open(glob.glob(f"{self.results}/mesh-*.json")[0], encoding="utf-8") as file:
            samples = json.load(file)["samples"]
        proxies = ["sidecars", "culvert"] + ["peer"] * bool(os.environ.get("CULVERT_PEER"))
        wanted = [(m, v) for v in ["direct", *proxies] for m in MEASURES]
        wanted += [(m, v) for v in proxies for m in COST + MEMORY]
        self.check_samples({(s["measure"], s["variant"]): s for s in samples}, wanted)
        self.check_picture(glob.glob(f"{self.results}/mesh-*.svg")[0], wanted)

    def check_samples(self, samples, wanted):
        for key in wanted:
            with self.subTest(figure=key):
                self.assertGreater(samples[key]["value"], 0)
                self.assertEqual(samples[key].get("errors", 0), 0)
        sizes = [samples[MEMORY[0], v] for v in ("sidecars", "culvert")]
        self.assertEqual([s["processes"] for s in sizes], [3, 1])

    def check_picture(self, path, wanted):
        bars = [e for e in xml.etree.ElementTree.parse(path).iter() if e.tag.endswith("rect")]
        variants = {variant for _, variant in wanted}
        shown = [m for m, _ in wanted if m.startswith(("CPU", "memory")) or m.endswith("c=16")]
        self.assertEqual(len(bars), len(shown) + len(variants), "a bar a figure, and the legend")

    def test_the_proof_fails_where_the_wire_can_be_read(self):
        import against_sidecars  # pylint: disable=import-outside-toplevel
        from variant import Variant  # pylint: disable=import-outside-toplevel
        variant = Variant("direct", types.SimpleNamespace(results=self.results, env=[], congestion=None))
        self.addCleanup(variant.close)
        against_sidecars.prove(variant)
        variant.name = "sidecars"
        with self.assertRaisesRegex(RuntimeError, "can be read between the pods"):
            against_sidecars.prove(variant)
