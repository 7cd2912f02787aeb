"""The plain manifests, and the values for Istio's own chart."""

import unittest

import yaml

import chart
import manifests

ISTIO = chart.ROOT / "deploy" / "istio"

# The values that the chart istio/ztunnel 1.32 reads the image from. An `image` with a slash is the
# whole reference; otherwise it is <hub>/<image>:<tag>, and -<variant> where one is set, as the ambient
# profile does. It ignores keys that it does not know: a typing error there would keep the old image.
ISTIO_IMAGE_KEYS = {"hub", "image", "tag", "variant", "imagePullPolicy", "imagePullSecrets"}


class Manifests(unittest.TestCase):
    def test_manifests_are_the_chart_with_default_values(self):
        rendered = manifests.rendered()
        self.assertEqual({path.name for path in manifests.FOLDER.iterdir()}, set(rendered))
        for name, text in rendered.items():
            self.assertEqual((manifests.FOLDER / name).read_text(encoding="utf-8"), text,
                             f"{name}: run tests/charts/run.py --write")


class Istio(unittest.TestCase):
    def values(self):
        return yaml.load((ISTIO / "helm-values.yaml").read_text(encoding="utf-8"), chart.Strict)

    def test_values_for_istios_chart_name_our_image(self):
        values = self.values()
        self.assertLessEqual(set(values), ISTIO_IMAGE_KEYS)
        self.assertIn("/", values["image"], "else the ambient profile would append -distroless")
        self.assertEqual(values["image"], chart.container()["image"])

    def test_values_for_istios_chart_do_for_ours_as_well(self):
        self.assertEqual(chart.container(self.values()), chart.container())

    def test_istioctl_gets_the_same_values(self):
        text = (ISTIO / "istio-operator.yaml").read_text(encoding="utf-8")
        operator = yaml.load(text, chart.Strict)
        self.assertEqual((operator["apiVersion"], operator["kind"]),
                         ("install.istio.io/v1alpha1", "IstioOperator"))
        self.assertEqual(operator["spec"], {"profile": "ambient", "values": {"ztunnel": self.values()}})
