"""What `check` and `verify` are told to grade, turned into a lab, a file and a seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cloudkata.cli import Fault

if TYPE_CHECKING:
    from cloudkata.catalogue.lab import Lab

MAX_PROGRAM = 1 << 20


@dataclass(frozen=True)
class Submission:
    """One program for one lab."""

    lab: Lab
    name: str
    source: bytes
    seed: int


def found_lab(name: str) -> Lab:
    """The lab of this name; a usage error offers the nearest names, a broken one is a fault."""
    from cloudkata.catalogue.errors import LabError
    from cloudkata.catalogue.finding import UnknownLab, find_lab

    try:
        return find_lab(name)
    except UnknownLab as unknown:
        raise click.UsageError(str(unknown)) from None
    except LabError as broken:
        raise Fault(str(broken)) from None


def submission(lab_name: str | None, program: Path | None, seed: int | None) -> Submission:
    """Lab, file and seed from what was given; what was not given comes from the workspace around."""
    from cloudkata.catalogue.inputs import default_seed
    from cloudkata.catalogue.workspace import WorkspaceError, find_workspace

    try:
        workspace = find_workspace(program or Path.cwd())
    except WorkspaceError as damaged:
        if lab_name is None or program is None:
            raise click.UsageError(str(damaged)) from None
        workspace = None
    if lab_name is None:
        if workspace is None:
            raise click.UsageError("Name a lab, or go to the folder that kata start made.")
        lab_name = workspace.lab_id
    lab = found_lab(lab_name)
    if workspace is not None and workspace.lab_id != lab.id:
        workspace = None
    if program is None:
        if workspace is None:
            raise click.UsageError(
                f"Name the program to grade: kata check {lab.id} PROGRAM, or begin with kata start {lab.id}."
            )
        program = workspace.solution
    if seed is None:
        seed = workspace.seed if workspace else default_seed(lab.id)
    return Submission(lab, program.name, read_program(program), seed)


def read_program(path: Path) -> bytes:
    """The program's bytes; a usage error says what is wrong with the file."""
    try:
        if path.is_dir():
            raise click.UsageError(
                f"{path} is a folder; name the program in it, such as {path / 'solution.py'}."
            )
        if path.exists() and not path.is_file():
            raise click.UsageError(f"{path} is not a regular file.")
        with path.open("rb") as file:
            source = file.read(MAX_PROGRAM + 1)
    except FileNotFoundError:
        raise click.UsageError(f"There is no file {path}.") from None
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}.") from None
    if len(source) > MAX_PROGRAM:
        raise click.UsageError(
            f"{path} is larger than {MAX_PROGRAM >> 20} MiB; a program is one Python file."
        )
    return source
