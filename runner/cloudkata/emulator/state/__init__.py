"""What the world holds, as plain data: one module per service.

A description reads moto's models and never calls an API, because reading some things through the API
changes them (a received message is hidden). It exists for comparison: what is equal in two
descriptions was left untouched.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from typing import Any

Resource = dict[str, Any]
"""Attribute to value, as JSON can hold it."""


class Undescribed(Exception):
    """A service that nothing here can describe; silence about it would look like "nothing changed"."""


def describe(services: Iterable[str]) -> dict[str, dict[str, Resource]]:
    """Service to resource id to attributes, for the given services.

    Raises `Undescribed` for a service without a description.
    """
    described: dict[str, dict[str, Resource]] = {}
    for service in services:
        name = f"{__name__}.{service}"
        if not importlib.util.find_spec(name):
            raise Undescribed(f"cloudkata cannot yet tell what changed in {service}.")
        # A service that nobody has called yet holds nothing, and need not be imported to know it.
        if f"moto.{service}.models" in sys.modules:
            described[service] = dict(sorted(importlib.import_module(name).describe()))
        else:
            described[service] = {}
    return described
