"""Where moto is wrong and a lab needs it right: one module per service.

A correction is a step of the front for one operation, before or after moto; what moto decides deeper
inside is mended by `install`, with a subclass. Each has a test that fails when upstream has mended it.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable
from typing import Protocol

from cloudkata.emulator.naming import NamedCall
from cloudkata.emulator.wire import Empty, Response


class Correction(Protocol):
    """A step of the front for one operation."""

    def before(self, named: NamedCall, who: str) -> None:
        """Refuse what moto would accept: raises `Refusal`."""

    def after(self, named: NamedCall, response: Response) -> Response | Empty:
        """What AWS would have answered, given what moto answered."""


class Step:
    """A correction that changes nothing; the base of those that do."""

    def before(self, named: NamedCall, who: str) -> None:
        """Refuse nothing."""

    def after(self, named: NamedCall, response: Response) -> Response | Empty:
        """Leave moto's answer as it is."""
        del named
        return response


_steps: dict[tuple[str, str], Correction] = {}


def install(services: Iterable[str]) -> None:
    """Mend moto for these services, before their first call."""
    for service in services:
        name = f"{__name__}.{service}"
        if importlib.util.find_spec(name):
            module = importlib.import_module(name)
            module.install()
            _steps.update({(service, operation): step for operation, step in module.STEPS.items()})


def of(named: NamedCall) -> Correction | None:
    """The correction of this operation, if it needs one."""
    return _steps.get((named.service, named.operation))
