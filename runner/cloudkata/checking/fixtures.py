"""The fixtures of a check."""

from __future__ import annotations

import boto3
import pytest

from cloudkata import sdk
from cloudkata.catalogue.inputs import Inputs
from cloudkata.checking.changes import Changes
from cloudkata.checking.clock import Clock
from cloudkata.checking.faults import Faults
from cloudkata.checking.http import Http
from cloudkata.checking.program import Program
from cloudkata.checking.trace import Trace
from cloudkata.checking.world import State, World

WORLD: pytest.StashKey[World] = pytest.StashKey()
INPUTS: pytest.StashKey[Inputs] = pytest.StashKey()
PROGRAM: pytest.StashKey[Program] = pytest.StashKey()
BEFORE: pytest.StashKey[State] = pytest.StashKey()
SESSION: pytest.StashKey[boto3.Session] = pytest.StashKey()


@pytest.fixture
def aws(request: pytest.FixtureRequest) -> boto3.Session:
    """A boto3 session as the world's administrator: `aws.client("s3")`, `aws.resource("dynamodb")`."""
    stash = request.config.stash
    if SESSION not in stash:
        stash[SESSION] = sdk.session(stash[WORLD].carry)
    return stash[SESSION]


@pytest.fixture
def inputs(request: pytest.FixtureRequest) -> Inputs:
    """The run's inputs: `inputs.BUCKET`; `inputs.random("orders")` is the stream that setup.py had."""
    return request.config.stash[INPUTS]


@pytest.fixture
def program(request: pytest.FixtureRequest) -> Program:
    """The program, which has ended: `exit_status`, `stdout`, `stderr`, `files`; `run()`, `call(...)`."""
    return request.config.stash[PROGRAM]


@pytest.fixture
def trace(request: pytest.FixtureRequest) -> Trace:
    """The recorded calls of the program."""
    return Trace(request.config.stash[WORLD].trace())


@pytest.fixture
def clock(request: pytest.FixtureRequest) -> Clock:
    """The world's clock: `clock.now`, `clock.advance(hours=1)`, `clock.settle()`."""
    return Clock(request.config.stash[WORLD])


@pytest.fixture
def faults(request: pytest.FixtureRequest) -> Faults:
    """What makes later starts of the program harder: `faults.throttle("PutItem", times=3)`."""
    return Faults(request.config.stash[WORLD])


@pytest.fixture
def http(request: pytest.FixtureRequest) -> Http:
    """Plain HTTP without credentials, to this world only."""
    return Http(request.config.stash[WORLD])


@pytest.fixture
def changes(request: pytest.FixtureRequest) -> Changes:
    """What differs from the start state now."""
    stash = request.config.stash
    return Changes(stash[BEFORE], stash[WORLD].state())
