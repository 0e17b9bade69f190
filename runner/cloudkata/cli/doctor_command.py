"""`kata doctor`."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import click

from cloudkata.cli import FAULT

PACKAGES = ("boto3", "moto", "pytest", "click", "rich", "msgspec", "httptools", "time-machine")


@click.command("doctor")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Look at this machine: Python, packages, and what keeps programs in, proven by trying.

    Nothing is changed.
    """
    from cloudkata import jail

    click.echo(f"Python {platform.python_version()} at {sys.executable}")
    missing = False
    for package in PACKAGES:
        try:
            click.echo(f"  {package} {version(package)}")
        except PackageNotFoundError:
            missing = True
            click.echo(f"  {package} is missing: install cloudkata again.")
    try:
        level = jail.strongest()
        click.echo(f"\nPrograms are kept in by: {level.value}")
        guarantees = jail.guarantees(level)
    except jail.JailError as error:
        click.echo(f"\nNo jail could be built: {error}")
        ctx.exit(FAULT)
    for guarantee in guarantees:
        click.echo(f"  {'holds   ' if guarantee.held else 'DOES NOT'}  {guarantee.name}: {guarantee.detail}")
    broken = [guarantee for guarantee in guarantees if not guarantee.held]
    if broken:
        click.echo(
            f"\n{len(broken)} of {len(guarantees)} guarantees do not hold here: "
            "grade only programs you trust."
        )
    else:
        click.echo(
            f"\nAll {len(guarantees)} guarantees hold: programs cannot reach AWS or your files from here."
        )
    ctx.exit(FAULT if missing else 0)
