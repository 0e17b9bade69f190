"""`kata verify`."""

from __future__ import annotations

import os

import click

from cloudkata.cli import Fault


@click.command("verify")
@click.argument("labs", nargs=-1)
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Runs side by side; as many as there are cores by default."
)
@click.pass_context
def command(ctx: click.Context, labs: tuple[str, ...], jobs: int | None) -> None:
    """Prove the checkers of LABS, or of all labs.

    The starter fails; solution and alternatives pass on three seeds, twice alike; every mistake first fails
    the check it names; every check is failed by something.
    """
    from cloudkata.catalogue.errors import LabError
    from cloudkata.catalogue.finding import all_labs, find_lab
    from cloudkata.cli.program_argument import found_lab
    from cloudkata.jail import JailError
    from cloudkata.quality.verify import Proof, verify

    def tell(proof: Proof) -> None:
        state = "proven" if proof.proven else "NOT PROVEN"
        click.echo(f"{proof.lab.id}: {state}, {proof.trials} trials")
        for complaint in proof.complaints:
            click.echo(f"    {complaint}")

    try:
        chosen = [found_lab(name) for name in labs] or [find_lab(entry.id) for entry in all_labs()]
        proofs = verify(chosen, jobs=jobs or os.cpu_count() or 1, on_lab=tell)
    except (LabError, JailError) as error:
        raise Fault(str(error)) from None
    proven = sum(proof.proven for proof in proofs)
    click.echo(f"\n{proven} of {len(proofs)} labs proven in full, {sum(p.trials for p in proofs)} trials.")
    ctx.exit(0 if proven == len(proofs) else 1)
