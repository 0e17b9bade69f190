"""Inputs follow from the seed and nothing else."""

from __future__ import annotations

import copy
import datetime
import ipaddress
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudkata.catalogue.inputs import SEEDS, Inputs, default_seed, draw_inputs, seed_for
from cloudkata.catalogue.lab import Lab

SEED = st.integers(0, SEEDS - 1)
WORLDS = ["calm", "renamed", "throttled", "flaky", "duplicated", "stale", "crashed", "crowded"]

TEMPLATES = {
    "BUCKET": "reports-{word}-{number}",
    "LOGS": "{BUCKET}-logs",
    "REPORT_KEY": "{year}/q{quarter}.csv",
    "DAY": "{date}",
    "DAY_AGAIN": "{year}-{month}-{day}",
    "VPC": "{cidr:16}",
    "PEER": "{cidr:24}",
    "PARTNER": "{account}",
    "TOKEN": "{uuid}",
}

KNOWN = {
    "BUCKET": "reports-pewter-1444",
    "LOGS": "reports-pewter-1444-logs",
    "REPORT_KEY": "2024/q3.csv",
    "DAY": "2024-09-04",
    "DAY_AGAIN": "2024-09-04",
    "VPC": "10.122.0.0/16",
    "PEER": "172.30.139.0/24",
    "PARTNER": "545010967682",
    "TOKEN": "f7137cc9-c92f-4d3f-b859-926119463f72",
}
"""What the seed 7 draws: a written grade must replay with a later cloudkata."""


def lab(inputs: dict[str, str], lab_id: str = "s3/share-one-report") -> Lab:
    return Lab(
        id=lab_id,
        folder=Path("/labs") / lab_id,
        format=1,
        title="Share one report",
        services=["s3"],
        level="core",
        minutes=15,
        questions=[],
        worlds=["calm"],
        patience="15m",
        max_calls=2500,
        inputs=inputs,
        allowed_changes=[],
    )


@given(SEED)
def test_the_same_seed_draws_the_same_inputs(seed: int) -> None:
    assert draw_inputs(lab(TEMPLATES), seed).as_dict() == draw_inputs(lab(TEMPLATES), seed).as_dict()


def test_inputs_of_a_known_seed_never_change() -> None:
    assert draw_inputs(lab(TEMPLATES), 7).as_dict() == KNOWN


@given(st.lists(SEED, min_size=2, max_size=2, unique=True))
def test_another_seed_draws_other_names(seeds: list[int]) -> None:
    one, other = (draw_inputs(lab({"BUCKET": "{word}-{number}-{hex}"}), seed) for seed in seeds)
    assert one != other


@given(SEED)
def test_another_lab_draws_other_names(seed: int) -> None:
    one, other = (draw_inputs(lab({"B": "{word}-{hex}"}, name), seed) for name in ("s3/one", "s3/other"))
    assert one != other


@given(SEED)
def test_an_added_input_leaves_the_others_alone(seed: int) -> None:
    before = draw_inputs(lab(TEMPLATES), seed)
    after = draw_inputs(lab({"FIRST": "f-{word}-{number}", **TEMPLATES, "LAST": "{hex:12}"}), seed)
    assert {name: after[name] for name in TEMPLATES} == before.as_dict()


@given(SEED)
def test_dates_of_a_run_agree(seed: int) -> None:
    inputs = draw_inputs(lab(TEMPLATES), seed)
    day = datetime.date.fromisoformat(inputs.DAY)
    assert day == inputs.date
    assert inputs.DAY_AGAIN == inputs.DAY
    assert f"{day.year}/q{(day.month + 2) // 3}.csv" == inputs.REPORT_KEY


@given(SEED, st.integers(16, 28))
def test_a_network_is_private_and_as_long_as_asked(seed: int, prefix: int) -> None:
    network = ipaddress.ip_network(draw_inputs(lab({"VPC": f"{{cidr:{prefix}}}"}), seed).VPC)
    assert network.prefixlen == prefix
    assert network.is_private
    assert not network.overlaps(ipaddress.ip_network("172.17.0.0/16"))


@given(SEED)
def test_networks_of_a_run_never_overlap(seed: int) -> None:
    drawn = draw_inputs(lab({f"NET_{n}": "{cidr:16}" for n in range(12)}), seed)
    networks = [ipaddress.ip_network(value) for value in drawn.values()]
    assert not any(a.overlaps(b) for a in networks for b in networks if a is not b)


@given(SEED)
def test_two_names_of_a_run_are_never_the_same(seed: int) -> None:
    drawn = draw_inputs(lab({f"TEAM_{n}": "{name}" for n in range(12)}), seed)
    assert len(set(drawn.values())) == 12


def test_more_inputs_than_there_are_names_still_end() -> None:
    assert len(draw_inputs(lab({f"DIGIT_{n}": "{digits:1}" for n in range(11)}), 1)) == 11


@given(SEED)
def test_drawn_names_suit_buckets_and_queues(seed: int) -> None:
    template = "{word}-{name}-{number}-{region}-{hex:6}-{digits:4}"
    name = draw_inputs(lab({"BUCKET": template}), seed).BUCKET
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", name)
    assert not name.startswith(("xn--", "sthree-", "amzn-s3-demo-"))
    assert not name.endswith(("-s3alias", "--ol-s3", "--x-s3"))


def test_the_partner_is_never_the_emulated_account() -> None:
    assert all(draw_inputs(lab(TEMPLATES), seed).PARTNER != "123456789012" for seed in range(200))


def test_inputs_are_read_by_key_and_by_attribute() -> None:
    inputs = Inputs({"BUCKET": "amber"}, seed=5, lab_id="s3/x")
    assert inputs["BUCKET"] == inputs.BUCKET == "amber"
    assert dict(inputs) == inputs.as_dict() == {"BUCKET": "amber"}
    assert inputs.seed == 5


@pytest.mark.parametrize(
    ("values", "ending"),
    [
        ({"BUCKET": "amber"}, "no input BUKET; did you mean BUCKET?"),
        ({}, "no input BUKET; it has none at all."),
    ],
)
def test_an_unknown_input_is_refused_with_the_nearest(values: dict[str, str], ending: str) -> None:
    inputs = Inputs(values, seed=5, lab_id="s3/x")
    with pytest.raises(KeyError) as by_key:
        inputs["BUKET"]
    with pytest.raises(AttributeError) as by_attribute:
        inputs.BUKET  # noqa: B018  looking is what is tested
    assert by_key.value.args[0] == str(by_attribute.value) == f"s3/x has {ending}"


def test_inputs_cannot_be_changed() -> None:
    inputs = draw_inputs(lab(TEMPLATES), 1)
    with pytest.raises(AttributeError):
        inputs.BUCKET = "mine"  # type: ignore[attr-defined]
    inputs.as_dict()["BUCKET"] = "mine"
    assert inputs.BUCKET != "mine"


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda inputs: pickle.loads(pickle.dumps(inputs))]
)
def test_a_copy_is_equal(copied: Callable[[Inputs], Inputs]) -> None:
    inputs = draw_inputs(lab(TEMPLATES), 1)
    assert copied(inputs) == inputs
    assert copied(inputs).random("orders").random() == inputs.random("orders").random()


def test_a_stream_depends_on_seed_lab_and_name_alone() -> None:
    def first(lab_id: str, seed: int, name: str) -> float:
        return Inputs({}, seed=seed, lab_id=lab_id).random(name).random()

    same = first("s3/x", 1, "orders")
    assert Inputs({"BUCKET": "amber"}, seed=1, lab_id="s3/x").random("orders").random() == same
    assert len({same, first("s3/y", 1, "orders"), first("s3/x", 2, "orders"), first("s3/x", 1, "users")}) == 4


def test_every_process_draws_the_same() -> None:
    program = (
        "from cloudkata.catalogue.inputs import Inputs, default_seed, seed_for\n"
        "print(Inputs({}, seed=1, lab_id='s3/x').random('orders').random(), default_seed('s3/x'), "
        "seed_for('s3/x', 1, 'renamed'))"
    )
    drawn = Inputs({}, seed=1, lab_id="s3/x").random("orders").random()
    here = f"{drawn} {default_seed('s3/x')} {seed_for('s3/x', 1, 'renamed')}"
    for hash_seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        printed = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert printed.stdout.strip() == here


@given(st.integers())
def test_every_world_has_a_seed_of_its_own(seed: int) -> None:
    seeds = {world: seed_for("s3/x", seed, world) for world in WORLDS}
    assert seeds["calm"] == seed
    assert len(set(seeds.values())) == len(WORLDS)
    assert all(0 <= seeds[world] < SEEDS for world in WORLDS if world != "calm")


def test_every_lab_has_a_default_seed_of_its_own() -> None:
    assert default_seed("s3/x") == default_seed("s3/x")
    assert default_seed("s3/x") != default_seed("s3/y")
    assert 0 <= default_seed("s3/x") < SEEDS
