"""A child process that dies with this program, logs to a file, and can be measured."""

import ctypes
import os
import re
import signal
import subprocess
import time

_libc = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
# Before a command whose memory is looked at: the address sanitizer gives freed memory back at once,
# instead of keeping 256 MB of it to catch late uses.
GIVES_BACK = ("env", "ASAN_OPTIONS=quarantine_size_mb=1:thread_local_quarantine_size_kb=64")


def die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_for(condition, what, seconds=15, pause=0.02):
    """Returns the first true value of condition(); raises with `what` after the time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(pause)


class Process:
    """`output`: a descriptor that gets what the program writes, instead of the log file."""

    def __init__(self, name, command, log, env=None, netns=None, output=None):
        self.name, self.log_path = name, log
        self._offset = os.path.getsize(log) if os.path.exists(log) else 0
        full = netns.command(*command) if netns else list(map(str, command))
        with open(log, "ab") as out:
            self.popen = subprocess.Popen(  # pylint: disable=consider-using-with
                full, stdin=subprocess.DEVNULL, stdout=output or out, stderr=output or out,
                preexec_fn=die_with_parent, env={**_clean_environment(), **(env or {})}, cwd="/")

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def log(self, since=0):
        """What this process has written so far, or since a mark()."""
        with open(self.log_path, "rb") as file:
            file.seek(max(since, self._offset))
            return file.read().decode("utf-8", "replace")

    def mark(self):
        return os.path.getsize(self.log_path)

    def lines(self, *patterns, since=0):
        """Lines of the log that contain every pattern (regular expressions)."""
        return [x for x in self.log(since).splitlines() if all(re.search(p, x) for p in patterns)]

    def wait_line(self, *patterns, seconds=10):
        return wait_for(lambda: self.lines(*patterns),
                        f"a line of {self.name} with {patterns}", seconds)[-1]

    def signal(self, number):
        self.popen.send_signal(number)

    def wait(self, seconds=30):
        return self.popen.wait(seconds)

    def stop(self, seconds=10):
        """SIGTERM, then SIGKILL after the time. Returns the exit code."""
        if self.running():
            self.popen.terminate()
            try:
                return self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        return self.popen.wait()

    def kill(self):
        if self.running():
            self.popen.kill()
        self.popen.wait()

    # Measurements, from /proc.

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self):
        """Their names."""
        names = []
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{thread}/comm", encoding="ascii") as file:
                names.append(file.read().strip())
        return names

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """RSS, its anonymous part and the proportional set, in bytes."""
        values = {}
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as file:
            for line in file:
                match = re.match(r"(Rss|Pss|Anonymous):\s+(\d+) kB", line)
                if match:
                    values[match.group(1).lower()] = int(match.group(2)) * 1024
        return values


def _clean_environment():
    """Nothing of the caller's settings reaches the programs under test."""
    keep = ("PATH", "HOME", "LANG", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
            "LD_LIBRARY_PATH")
    return {k: v for k, v in os.environ.items() if k in keep}
