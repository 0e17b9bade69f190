"""Closes what moto leaves open in the process it runs in: code in templates, Docker, requests to the outside.

moto is no security boundary: the emulator is jailed as well. This is what keeps a call from becoming
something else than a call in the first place.
"""

from __future__ import annotations

from typing import Any, NoReturn

import botocore.httpsession
import requests.adapters
import urllib3.connectionpool
from moto import settings
from moto.moto_api import recorder
from moto.utilities.docker_utilities import DockerModel

from cloudkata.emulator import template_loader


class NothingLeaves(RuntimeError):  # the sentence is the message
    """Something in the emulator tried to reach the outside."""


def harden() -> None:
    """Close the holes; to be called before the first request, any number of times.

    Afterwards templates are read by a loader that makes nothing but text, numbers, lists and mappings, and
    whatever in moto would start a container or send a request raises `NothingLeaves`.
    """
    template_loader.install()
    _refuse_requests()
    _refuse_docker()
    _never_ask_for_the_docker_host()
    _switch_the_recorder_off()


def _refuse_requests() -> None:
    # urllib3 is under both `requests` and botocore; the two above it are closed for the sake of a plain
    # message.
    for owner, name in (
        (requests.adapters.HTTPAdapter, "send"),
        (botocore.httpsession.URLLib3Session, "send"),
        (urllib3.connectionpool.HTTPConnectionPool, "urlopen"),
    ):
        setattr(owner, name, _refuse_request)


def _refuse_request(*_args: Any, **_kwargs: Any) -> NoReturn:
    raise NothingLeaves("no outbound requests are made")


def _refuse_docker() -> None:
    DockerModel.docker_client = property(_refuse_container)  # type: ignore[method-assign, assignment]


def _refuse_container(_model: Any) -> NoReturn:
    raise NothingLeaves("no containers are started")


def _never_ask_for_the_docker_host() -> None:
    # In a container moto would run a shell with curl to learn its own address.
    settings.is_docker = lambda: False


def _switch_the_recorder_off() -> None:
    recorder._user_enabled = False
    recorder._os_enabled = False
    recorder._location = "/dev/null"
