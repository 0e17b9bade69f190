"""The command line: parse, call, print. No logic of its own.

Exit status: 0 passed, 1 checks failed, 2 usage, 3 the lab's or the machine's fault, 130 interrupted.
Commands import what they need when they run, so that `--help` and `list` answer at once.
"""

from __future__ import annotations

import importlib
import sys

import click

from cloudkata import __version__

COMMANDS = {
    "check": "Grade a program against a lab.",
    "demo": "Grade one lab twice: the untouched starter, then a right solution.",
    "doctor": "Look at this machine: what holds here, what does not, what to do.",
    "list": "List the labs.",
    "start": "Begin a lab: a folder with the task and a file to work in.",
    "task": "Show a lab's task.",
    "verify": "Prove that a lab's checker is right.",
}
"""Name and one-line help; a command lives in the module of its name."""

FAULT = 3
INTERRUPTED = 130


class Fault(click.ClickException):
    """Not the learner's doing: a broken lab, or a machine that cannot do it."""

    exit_code = FAULT


class LazyCommands(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of the help."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"cloudkata.cli.{cmd_name}_command")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands for `--help`, without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=LazyCommands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit status: 0 passed, 1 checks failed, 2 usage, 3 the lab's or the machine's fault, "
    "130 interrupted.",
)
@click.version_option(__version__, prog_name="kata")
def kata() -> None:
    """Practise real AWS API calls without an AWS account.

    Start with: kata list, then kata start s3/share-one-report
    """


def main() -> None:
    """Run the command line; the one place where an exit status is decided."""
    try:
        status = kata.main(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("Interrupted.", err=True)
        status = INTERRUPTED
    except KeyboardInterrupt:
        click.echo("Interrupted.", err=True)
        status = INTERRUPTED
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except BrokenPipeError:
        # The reader of our output has had enough; there is nobody left to tell.
        sys.stderr.close()
        status = 1
    sys.exit(status)
