"""An imitation of a container: a filter that refuses what Docker's default one refuses without privileges."""

from __future__ import annotations

import errno
import os
import struct

from cloudkata.jail import kernel, seccomp

_X86_64 = os.uname().machine == "x86_64"
_NUMBERS = {
    # name: (x86_64, aarch64)
    "mount": (165, 40),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "ptrace": (101, 117),
    "setns": (308, 268),
    "umount2": (166, 39),
    "unshare": (272, 97),
}


def enter() -> None:
    """Be in it for good."""
    refused = [column[0 if _X86_64 else 1] for column in _NUMBERS.values()]
    code = struct.pack("=HBBI", 0x20, 0, 0, 0)
    for at, number in enumerate(refused):
        code += struct.pack("=HBBI", 0x15, len(refused) - at, 0, number)
    code += struct.pack("=HBBI", 0x06, 0, 0, seccomp.ALLOW)
    code += struct.pack("=HBBI", 0x06, 0, 0, seccomp.refuse(errno.EPERM))
    kernel.forbid_new_privileges()
    seccomp.install(code)
