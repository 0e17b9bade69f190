"""`kata list`."""

from __future__ import annotations

import click


@click.command("list")
def command() -> None:
    """List the labs: name, level, minutes, title."""
    from cloudkata.catalogue.finding import all_labs

    entries = all_labs()
    if not entries:
        click.echo("There are no labs here: the labs/ folder is missing or empty.")
        return
    width = max(len(entry.id) for entry in entries)
    for entry in entries:
        if entry.error:
            click.echo(f"{entry.id:<{width}}  broken     {entry.error}")
        else:
            click.echo(f"{entry.id:<{width}}  {entry.level:<9}  {entry.minutes:>3} min  {entry.title}")
    click.echo("\nBegin one with: kata start NAME")
