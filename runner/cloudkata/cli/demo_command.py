"""`kata demo`."""

from __future__ import annotations

import click

from cloudkata.cli import Fault

LAB = "s3/share-one-report"


@click.command("demo")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Grade one lab twice: the untouched starter fails, the reference solution passes."""
    from cloudkata.catalogue.finding import solution_of
    from cloudkata.catalogue.inputs import default_seed, draw_inputs
    from cloudkata.catalogue.task import render_task
    from cloudkata.cli.program_argument import found_lab, read_program
    from cloudkata.reports.terminal import console, show
    from cloudkata.world.grading import grade

    lab = found_lab(LAB)
    solution = solution_of(lab)
    if solution is None:
        raise Fault("The reference solution is not installed here: the solutions/ folder is missing.")
    seed = default_seed(lab.id)
    to = console()
    click.echo(render_task(lab, draw_inputs(lab, seed)))
    click.echo("\n--- First, the file you would start from, as it is: ---\n")
    untouched = grade(lab, "starter.py", read_program(lab.folder / "starter.py"), seed)
    show(untouched, to)
    click.echo("\n--- Now a solution: ---\n")
    source = read_program(solution)
    click.echo(source.decode())
    solved = grade(lab, "solution.py", source, seed)
    show(solved, to)
    click.echo("\nYour turn: kata start s3/share-one-report")
    ctx.exit(0 if solved.passed and untouched.verdict == "failed" else 3)
