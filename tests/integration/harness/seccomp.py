#!/usr/bin/env python3
"""Runs a command under the chart's seccomp profile, as a container runtime would: seccomp.py COMMAND...

Loads the profile by libseccomp, the library that runc uses, too.
"""

import ctypes
import json
import os
import pathlib
import sys

PROFILE = (pathlib.Path(__file__).resolve().parents[3] / "deploy" / "helm" / "culvert" / "files" /
           "seccomp.json")
# seccomp.h of libseccomp: actions, comparisons, and what a name is that no architecture has.
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
COMPARISONS = {"SCMP_CMP_EQ": 4, "SCMP_CMP_MASKED_EQ": 7}
UNKNOWN = -1


class Condition(ctypes.Structure):
    """struct scmp_arg_cmp."""
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64),
                ("b", ctypes.c_uint64)]


class Filter:
    """The profile as a filter of the kernel's."""

    def __init__(self):
        self.profile = json.loads(PROFILE.read_text(encoding="utf-8"))
        self.library = ctypes.CDLL("libseccomp.so.2")
        self.library.seccomp_init.restype = ctypes.c_void_p
        refuse = ERRNO | self.profile["defaultErrnoRet"]
        self.context = ctypes.c_void_p(self.library.seccomp_init(ctypes.c_uint32(refuse)))
        for rule in self.profile["syscalls"]:
            for name in rule["names"]:
                self._add(name, rule)

    def _add(self, name, rule):
        number = self.library.seccomp_syscall_resolve_name(name.encode())
        if number == UNKNOWN:
            raise ValueError(f"no such system call: {name}")
        action = ALLOW if rule["action"] == "SCMP_ACT_ALLOW" else ERRNO | rule["errnoRet"]
        conditions = [Condition(one["index"], COMPARISONS[one["op"]], one["value"],
                                one.get("valueTwo", 0)) for one in rule.get("args", [])]
        array = (Condition * len(conditions))(*conditions)
        error = self.library.seccomp_rule_add_array(self.context, ctypes.c_uint32(action), number,
                                                    len(conditions), array)
        if error != 0:
            raise OSError(-error, f"the rule for {name}")

    def load(self):
        """From now on this process, and what it becomes, is confined."""
        error = self.library.seccomp_load(self.context)
        if error != 0:
            raise OSError(-error, "loading the filter")


if __name__ == "__main__":
    Filter().load()
    os.execv(sys.argv[1], sys.argv[1:])
