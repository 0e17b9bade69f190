"""`kata check`."""

from __future__ import annotations

from pathlib import Path

import click

from cloudkata.cli import FAULT, Fault


@click.command("check")
@click.argument("lab", required=False)
@click.argument("program", required=False, type=click.Path(path_type=Path))
@click.option("--seed", type=int, help="Draw names and numbers from this seed instead of your own.")
@click.option(
    "--world", "worlds", multiple=True, help="Only this world of the lab; may be given more than once."
)
@click.option("--json", "as_json", is_flag=True, help="Print the grade as JSON instead of text.")
@click.option("--output", type=click.Path(path_type=Path), help="Also write the grade as JSON to this file.")
@click.pass_context
def command(
    ctx: click.Context,
    lab: str | None,
    program: Path | None,
    seed: int | None,
    worlds: tuple[str, ...],
    as_json: bool,
    output: Path | None,
) -> None:
    """Grade PROGRAM against LAB.

    Inside a folder made by `kata start` neither has to be named.
    """
    from cloudkata.cli.program_argument import submission
    from cloudkata.jail import JailError
    from cloudkata.world.grading import grade

    given = submission(lab, program, seed)
    unknown = [world for world in worlds if world not in given.lab.worlds]
    if unknown:
        raise click.UsageError(
            f"{given.lab.id} has no world {unknown[0]!r}; it has {', '.join(given.lab.worlds)}."
        )
    try:
        made = grade(given.lab, given.name, given.source, given.seed, worlds=worlds or None)
    except JailError as error:
        raise Fault(f"{error} Run kata doctor.") from None
    if output is not None:
        _write(output, made.to_json())
    if as_json:
        click.echo(made.to_json())
    else:
        from cloudkata.reports.terminal import console, show

        show(made, console())
    ctx.exit({"passed": 0, "failed": 1, "not gradable": FAULT}[made.verdict])


def _write(path: Path, text: bytes) -> None:
    try:
        path.write_bytes(text + b"\n")
    except OSError as error:
        raise Fault(f"The grade could not be written to {path}: {error.strerror}.") from None
