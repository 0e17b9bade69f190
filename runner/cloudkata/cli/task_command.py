"""`kata task`."""

from __future__ import annotations

import click

from cloudkata.cli import Fault


@click.command("task")
@click.argument("lab")
@click.option("--seed", type=int, help="With the names and numbers of this seed.")
def command(lab: str, seed: int | None) -> None:
    """Show the task of LAB."""
    from cloudkata.catalogue.errors import LabError
    from cloudkata.catalogue.inputs import default_seed, draw_inputs
    from cloudkata.catalogue.task import render_task
    from cloudkata.cli.program_argument import found_lab

    found = found_lab(lab)
    try:
        text = render_task(found, draw_inputs(found, default_seed(found.id) if seed is None else seed))
    except LabError as broken:
        raise Fault(str(broken)) from None
    click.echo(text)
