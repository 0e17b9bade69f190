"""`kata start`."""

from __future__ import annotations

from pathlib import Path

import click

from cloudkata.cli import Fault


@click.command("start")
@click.argument("lab")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--seed", type=int, help="Draw names and numbers from this seed instead of one of your own.")
def command(lab: str, folder: Path | None, seed: int | None) -> None:
    """Begin LAB in FOLDER (or in a new folder named after the lab)."""
    from cloudkata.catalogue.errors import LabError
    from cloudkata.catalogue.workspace import WorkspaceError, start_workspace
    from cloudkata.cli.program_argument import found_lab

    found = found_lab(lab)
    folder = folder or Path(found.id.rpartition("/")[2])
    try:
        workspace = start_workspace(found, folder, seed)
    except WorkspaceError as error:
        raise click.UsageError(str(error)) from None
    except LabError as broken:
        raise Fault(str(broken)) from None
    click.echo(f"{found.id}: {found.title}")
    click.echo(f"\nRead   {folder / 'TASK.md'}")
    click.echo(f"Edit   {folder / workspace.solution.name}")
    click.echo(f"Check  cd {folder} && kata check")
