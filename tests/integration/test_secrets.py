"""The keys in the programs' memory, which no other program may read."""

import os
import subprocess
import sys

from harness.process import Process, wait_for
from own_mesh import OwnMesh


class Secrets(OwnMesh):
    """All programs run without CAP_SYS_PTRACE, and so does who tries to read their memory."""

    WITHOUT = ("setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace")

    def prepare(self):
        self.mesh.culvert, self.mesh.ctl = map(self.wrapped, (self.mesh.culvert, self.mesh.ctl))

    def wrapped(self, program):
        path = os.path.join(self.mesh.dir, os.path.basename(program))
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nexec {" ".join(self.WITHOUT)} {program} "$@"\n')
        os.chmod(path, 0o755)
        return path

    def readable(self, pid):
        run = subprocess.run([*self.WITHOUT, sys.executable, "-c", f"open('/proc/{pid}/mem', 'rb').close()"],
                             capture_output=True, check=False)
        return run.returncode == 0

    def test_memory_with_keys_cannot_be_read(self):
        sleeper = Process("sleep", [*self.WITHOUT, "sleep", "60"], os.devnull)
        self.addCleanup(sleeper.kill)
        wait_for(lambda: self.readable(sleeper.pid), "the memory of another process to be readable")
        self.assertFalse(self.readable(self.node_a.daemon.pid))
        self.assertFalse(self.readable(self.mesh.control.pid))
