"""Giving up privileges for good."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from cloudkata.jail import kernel
from cloudkata.jail.levels import JailError


def become(identity: int | None, *, kept: Iterable[int] = ()) -> None:
    """Become user and group `identity` (None: stay who one is) with no capability but `kept`, for good.

    Neither a set-user-ID program nor a file's capabilities give anything back. The kernel clears the tie to the
    parent on the way: `die_with_parent` comes after this. Raises `JailError`.
    """
    kernel.forbid_new_privileges()
    if identity is not None:
        kernel.drop_bounding_set()
        try:
            if kept:
                kernel.keep_capabilities_over_uid_change()
            if os.getuid() == 0:
                os.setgroups([])
            os.setresgid(identity, identity, identity)
            os.setresuid(identity, identity, identity)
        except OSError as error:
            raise JailError(f"Root's identity could not be given up: {error.strerror}.") from error
    kernel.set_capabilities(kept)


def closed_to_strangers(paths: Iterable[Path]) -> Path | None:
    """The first folder or file on the way to, or at the end of, `paths` that a foreign user may not use."""
    for path in paths:
        real = path.resolve()
        for parent in reversed(real.parents):
            if not parent.stat().st_mode & 0o001:
                return parent
        if not real.stat().st_mode & 0o004:
            return real
    return None


def own_session() -> None:
    """Leave the terminal's session: nothing can be typed into it, and its signals stay there."""
    if os.getsid(0) != os.getpid():
        os.setsid()
