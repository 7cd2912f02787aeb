"""The mesh that most tests share, started once: two nodes; a client and a second client on the
first, servers on the second; a pod that the mesh knows but does not carry, and one it has never
heard of. Tests that change it put it back."""

import atexit
import unittest

from harness import runner
from harness.mesh import Mesh
from harness.traffic import Server, ending

_mesh = None
_failure = None


def mesh():
    """The shared mesh; when it could not start, every test that wants it says why."""
    global _mesh, _failure  # pylint: disable=global-statement
    if _failure:
        raise unittest.SkipTest("the shared mesh did not start")
    if _mesh is None:
        made = Mesh(runner.OPTIONS.bin, runner.OPTIONS.logs, "standard")
        atexit.register(made.close)
        try:
            _build(made)
            made.start()
        except BaseException as error:
            _failure = error
            raise
        _mesh = made
    return _mesh


def _build(made):
    made.pod("client", 0)
    made.pod("second", 0)
    server = made.pod("server", 1)
    heavy = made.pod("heavy", 1)
    heavy.extra["capacity"] = 3
    made.pod("plain", 0, enrolled=False)
    made.service("pair", 1, {80: 8080}, [server, heavy])
    made.service("single", 2, {80: 8080, 81: 8081}, [server])
    made.outside = made.fabric.attach("outside", 5000)
    made.outside_v4, made.outside_v6 = made.fabric.v4(5000), made.fabric.v6(5000)
    for node in made.nodes:
        if runner.OPTIONS.daemon:
            node.program = runner.OPTIONS.daemon


class MeshTest(unittest.TestCase):
    """Base of the tests on the shared mesh; names its pods."""

    @classmethod
    def setUpClass(cls):
        cls.mesh = mesh()
        for name, pod in cls.mesh.pods.items():
            setattr(cls, name, pod)
        cls.node_a, cls.node_b = cls.mesh.nodes

    def setUp(self):
        for node in self.mesh.nodes:
            node.start_watching()  # ports come again: older lines are not this test's

    def tearDown(self):
        for node in self.mesh.nodes:
            self.assertTrue(node.daemon.running(), f"{node.name} died:\n{node.daemon.log()[-3000:]}")

    def serve(self, pod, handler, port=8080, v6=False):
        server = Server(pod.ns, (pod.v6 if v6 else pod.v4, port), handler)
        self.addCleanup(server.close)
        return server

    def refused(self, pod, address, seconds=10):
        """Whether a connection is reset, which may come even before it is made."""
        try:
            return ending(self.connect(pod, address), seconds) == "reset"
        except ConnectionResetError:
            return True

    def connect(self, pod, address, timeout=15):
        s = pod.ns.connect(address, timeout)
        self.addCleanup(s.close)
        return s
