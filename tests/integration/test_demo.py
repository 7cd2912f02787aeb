"""The demo as people run it: to its end, kept and played with, and interrupted. Every time nothing of
it is left."""

import os
import re
import signal
import subprocess
import unittest

from harness import runner
from harness.netns import ip
from harness.process import wait_for

# Without Fortio, wherever it may be installed: these runs are short.
ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent"}


SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)


def heed_signals():
    """Also where these tests run in the background or under nohup, which ignores some: the demo
    leaves ignored what it finds ignored."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def namespaces():
    names = {line.split()[0] for line in ip("netns", "list").splitlines()}
    return {name for name in names if name.startswith("culvert-")}


def processes(folder):
    """The command lines of the programs of a folder that run."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        if words[0].startswith(folder):
            found.add((int(pid), " ".join(words)))
    return found


class Demo(unittest.TestCase):
    def setUp(self):
        self.ctl = os.path.abspath(os.path.join(runner.OPTIONS.bin, "culvertctl"))
        self.log = os.path.join(os.path.abspath(runner.OPTIONS.logs), self._testMethodName + ".log")
        os.makedirs(os.path.dirname(self.log), exist_ok=True)
        self.addCleanup(self.run_demo, "--clean")
        self.run_demo("--clean")
        self.before = self.state()

    def state(self):
        files = os.listdir("/run") + (os.listdir("/etc/netns") if os.path.isdir("/etc/netns") else [])
        return namespaces(), processes(os.path.dirname(self.ctl)), [
            name for name in files if "culvert" in name]

    def run_demo(self, *words):
        return subprocess.run([self.ctl, "demo", *words], capture_output=True, text=True, env=ENV,
                              timeout=120, check=False)

    def start(self, *words, **options):
        with open(self.log, "wb") as log:
            demo = subprocess.Popen(  # pylint: disable=consider-using-with
                [self.ctl, "demo", "--fast", *words], stdin=subprocess.DEVNULL, stderr=log, env=ENV,
                preexec_fn=heed_signals, **{"stdout": log, **options})
        self.addCleanup(demo.kill)
        return demo

    def output(self):
        with open(self.log, encoding="utf-8") as file:
            return file.read()

    def assert_nothing_left(self):
        self.assertEqual(self.state(), self.before)

    def test_demo_shows_everything_and_leaves_nothing(self):
        done = self.run_demo("--fast")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"\d+ checks passed, 0 failed")
        for shown in ("in neither direction", "finds server.demo.svc.cluster.local by name", "that connection is cut", "its successor is refused"):
            self.assertIn(shown, done.stdout)
        self.assert_nothing_left()

    def test_kept_demo_can_be_played_with(self):
        done = self.run_demo("--fast", "--keep")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        printed = done.stdout[done.stdout.index("left standing"):]
        commands = re.findall(r"^ *\| (.*)$", printed, re.M)
        self.assertGreater(len(commands), 5, printed)
        self.assertTrue(commands[-1].endswith(" demo --clean"), printed)
        for command in commands:
            with self.subTest(command=command):
                # Some go on until they are stopped.
                run = subprocess.run(["timeout", "3", *command.split()], capture_output=True,
                                     text=True, env=ENV, check=False)
                stopped = command.startswith("tail") or "tcpdump" in command
                self.assertEqual(run.returncode, 124 if stopped else 0, run.stdout + run.stderr)
                self.assertNotEqual(run.stdout + run.stderr, "")
        self.assert_nothing_left()

    def test_every_interruption_leaves_nothing(self):
        # Each at another moment of the demo.
        for number, moment in ((signal.SIGHUP, 0), (signal.SIGINT, 1), (signal.SIGTERM, 2),
                               (signal.SIGHUP, 3), (signal.SIGQUIT, 5)):
            with self.subTest(signal=number.name, moment=moment):
                demo = self.start()
                wait_for(lambda m=moment: self.has_come_to(m), f"step {moment}", 60, 0.002)
                demo.send_signal(number)
                self.assertEqual(demo.wait(60), 128 + number, self.output())
                self.assert_nothing_left()

    def has_come_to(self, step):
        """Step 0 is the making of the network."""
        return "culvert-wire" in namespaces() if step == 0 else f"\n{step}. " in self.output()

    def test_lost_reader_leaves_nothing(self):
        demo = self.start(stdout=subprocess.PIPE)
        demo.stdout.readline()
        demo.stdout.close()
        self.assertNotEqual(demo.wait(60), 0)
        self.assert_nothing_left()

    def test_interrupted_keep_leaves_nothing(self):
        demo = self.start("--keep")
        wait_for(lambda: self.has_come_to(3), "the third step", 60)
        demo.send_signal(signal.SIGTERM)
        self.assertEqual(demo.wait(60), 128 + signal.SIGTERM, self.output())
        self.assert_nothing_left()

    def test_leftovers_are_no_obstacle(self):
        """Files in /run/netns that are no namespaces: what an unclean end of the machine leaves."""
        os.makedirs("/run/netns", exist_ok=True)
        for name in ("culvert-wire", "culvert-pod-server"):
            with open(f"/run/netns/{name}", "wb"):
                pass
        done = self.run_demo("--clean")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("nothing of the demo is left", done.stdout)
        self.assert_nothing_left()

    def test_clean_names_what_it_cannot_remove(self):
        """A directory in the place of a namespace's name is nothing that `ip netns` removes."""
        obstacle = "/run/netns/culvert-node-a"
        os.makedirs(obstacle)
        self.addCleanup(lambda: os.path.isdir(obstacle) and os.rmdir(obstacle))
        done = self.run_demo("--clean")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("culvert-node-a", done.stderr)
        self.assertNotIn("nothing of the demo is left", done.stdout)
        # The demo itself fails as well, in its second place, and takes down the first.
        done = self.run_demo("--fast")
        self.assertNotEqual(done.returncode, 0)
        os.rmdir(obstacle)
        self.assert_nothing_left()
