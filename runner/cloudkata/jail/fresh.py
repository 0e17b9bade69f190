"""A fresh, isolated interpreter for what must not happen in this process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cloudkata
from cloudkata.jail.levels import JailError

_START = """
import sys
sys.path.append(sys.argv[1])
from cloudkata.jail import {module}
from cloudkata.jail.levels import JailError
try:
    {module}.main(*sys.argv[2:])
except JailError as error:
    sys.exit(str(error))
"""
"""An isolated interpreter looks neither at the environment nor at the folder it is in: it is told where the
package lies."""


def run(module: str, *arguments: str, seconds: float) -> str:
    """Call ``cloudkata.jail.<module>.main(*arguments)`` in an interpreter of its own; what it prints.

    Raises `JailError` with the last line it wrote when it exits with another status than 0, or is not done
    after `seconds`.
    """
    sources = str(Path(cloudkata.__file__).parent.parent)
    command = [sys.executable, "-I", "-c", _START.format(module=module), sources, *arguments]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise JailError("A jail that was started to be tried did not come to its end.") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise JailError(said[-1] if said else f"An interpreter ended with status {done.returncode}.")
    return done.stdout
