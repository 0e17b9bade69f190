"""The `program` of a check: what it left behind, and the means to start it again."""

from __future__ import annotations

import json
from typing import Any

from cloudkata import link
from cloudkata.checking.world import World


class Start:
    """One start of the program, over and done with."""

    def __init__(self, ended: link.ProgramEnded, output: link.OutputIs, content: bytes) -> None:
        self.exit_status = ended.status
        """The status it exited with; None when it was ended from outside."""
        self.ended = ended.why
        """Why it was ended from outside, in one sentence; None when it came to its own end."""
        self.calls = ended.calls
        """API calls it made."""
        self.world_seconds = ended.world_ms / 1000
        """World time it took."""
        self.stdout = output.stdout
        self.stderr = output.stderr
        self.files = _split(output.files, content)
        """Files it wrote, by path: bytes."""
        self.result = output.result
        """JSON text that a called function returned."""

    @property
    def last_word(self) -> str:
        """The last line of its standard error: for a crash, the exception."""
        lines = self.stderr.strip().splitlines()
        return lines[-1] if lines else ""

    def how_it_ended(self) -> str:
        """One sentence for messages."""
        if self.ended:
            return self.ended
        if self.exit_status:
            told = f": {self.last_word.rstrip('.')}" if self.last_word else ""
            return f"The program ended with status {self.exit_status}{told}."
        return "The program ended normally."

    @property
    def answer(self) -> Any:
        """The JSON on the last line it printed. Fails the check when there is none."""
        lines = self.stdout.strip().splitlines()
        assert lines, f"The program printed nothing; one line of JSON was expected. {self.how_it_ended()}"
        try:
            return json.loads(lines[-1])
        except (ValueError, RecursionError):
            raise AssertionError(
                f"The last line the program printed is not JSON: {lines[-1][:200]!r}."
            ) from None


class Program(Start):
    """The program's first start, before any check; `run` and `call` start it again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.first = world.run_program()
        super().__init__(self.first, *world.output(self.first.lane))

    def run(self) -> Start:
        """Start it once more in the world as it is now."""
        ended = self._world.run_program()
        return Start(ended, *self._world.output(ended.lane))

    def call(self, function: str, **arguments: Any) -> Any:
        """Call a function of the program, in a process of its own, with arguments it has not seen.

        Returns what it returned, as JSON holds it. Fails the check when the function is missing, raises,
        or returns something JSON cannot hold.
        """
        ended = self._world.run_program(function, json.dumps(arguments))
        start = Start(ended, *self._world.output(ended.lane))
        shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        assert start.result is not None, f"Calling {function}({shown}) gave no result. {start.how_it_ended()}"
        try:
            return json.loads(start.result)
        except (ValueError, RecursionError):
            raise AssertionError(f"Calling {function}({shown}) gave a result that is not JSON.") from None


def _split(files: list[tuple[str, int]], content: bytes) -> dict[str, bytes]:
    split, begin = {}, 0
    for path, size in files:
        split[path] = content[begin : begin + size]
        begin += size
    return split
