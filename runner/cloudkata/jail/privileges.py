"""Giving up privileges for good."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from cloudkata.jail import kernel, namespaces
from cloudkata.jail.levels import JailError, setting_up

_TO_JAIL_AS_ROOT = {
    kernel.CAP_CHOWN,
    kernel.CAP_KILL,
    kernel.CAP_SETGID,
    kernel.CAP_SETUID,
    kernel.CAP_SETPCAP,
}
"""What it takes to become another user, and to end what that user leaves."""


def become(identity: int | None, *, kept: Collection[int] = ()) -> None:
    """Become user and group `identity` (None: stay who one is) with no capability but `kept`, for good.

    Neither a set-user-ID program nor a file's capabilities give anything back. The kernel clears the tie to
    the parent on the way: `die_with_parent` comes after this. Raises `JailError`.
    """
    kernel.forbid_new_privileges()
    if identity is not None:
        kernel.reduce_bounding_set(kept)
        with setting_up("Giving up root's identity"):
            if kept:
                kernel.keep_capabilities_over_uid_change()
            if os.getuid() == 0:
                os.setgroups([])
            os.setresgid(identity, identity, identity)
            os.setresuid(identity, identity, identity)
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


@dataclass(frozen=True)
class Stranger:
    """Who a process becomes where there is no user namespace, for `become`."""

    identity: int | None
    """A throw-away user where the caller is root; None: anybody else stays who they are."""
    kept: tuple[int, ...] = ()


def stranger(needed: Iterable[Path]) -> Stranger:
    """Who a process becomes that must still be able to read `needed`.

    When something in `needed` (an interpreter below /root, say) is closed to other users, root's throw-away
    user keeps the one capability to read and enter everything; Landlock then decides what that is, and
    under `Level.PROCESS` nothing does. Raises `JailError` where root does not have that capability itself.
    """
    if os.getuid() != 0:
        return Stranger(None)
    own = _capabilities()
    if not own.issuperset(_TO_JAIL_AS_ROOT):
        raise JailError(
            "This root may not change its user or end other users' processes, and nothing runs as root."
        )
    closed = closed_to_strangers(needed)
    if closed is None:
        return Stranger(namespaces.throwaway_id())
    if kernel.CAP_DAC_READ_SEARCH not in own:
        raise JailError(
            f"Only root may use {closed}, so a program that runs as somebody else cannot: open it to all."
        )
    return Stranger(namespaces.throwaway_id(), (kernel.CAP_DAC_READ_SEARCH,))


def kept_to_read(paths: Iterable[Path]) -> tuple[int, ...]:
    """The capabilities without which whom root becomes could not read `paths` in a root of its own.

    None where all of them are open to everybody. There is nothing else in that root to be read with it.
    """
    if os.getuid() != 0 or closed_to_strangers(paths) is None:
        return ()
    return (kernel.CAP_DAC_READ_SEARCH,)


def _capabilities() -> set[int]:
    """The capabilities this process may use."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapPrm:"):
            mask = int(line.split()[1], 16)
            return {number for number in range(64) if mask >> number & 1}
    return set()
