"""The host of a test's program, as the supervisor starts one; a script for an isolated interpreter."""

from __future__ import annotations

import base64
import json
import os
import socket
import sys
import traceback
from pathlib import Path
from typing import Any


def main(level: str, control_descriptor: str, scratch: str, settings_text: str) -> None:
    """Host what comes over the control socket: Python source, with `facts`, `door` and `answer` to use."""
    from cloudkata import jail

    settings = json.loads(settings_text)
    if settings["contained"]:
        sys.path.insert(0, str(Path(__file__).parent.parent))
        from jail import container

        container.enter()
    control = socket.socket(fileno=int(control_descriptor))
    try:
        listener, endpoint = jail.open_door(jail.Level(level))
    except jail.JailError as error:
        sys.exit(str(error))
    door = listener.getsockname()
    socket.send_fds(control, [endpoint.encode()], [listener.fileno()])
    listener.close()

    def begin() -> dict[str, Any]:
        received = b""
        while not received.endswith(b"\n"):
            data = control.recv(1 << 16)
            if not data:
                raise EOFError
            received += data
        told: dict[str, Any] = json.loads(received)
        return told

    def learner(told: dict[str, Any], result: int) -> int:
        def answer(value: object) -> None:
            with os.fdopen(os.dup(result), "wb") as pipe:
                pipe.write(json.dumps(value).encode())

        names = {"facts": told["facts"], "door": door, "answer": answer, "result": result}
        try:
            exec(compile(told["source"], "solution.py", "exec"), names | {"__name__": "__main__"})
        except SystemExit as exit_:
            return int(exit_.code or 0)
        except BaseException:
            traceback.print_exc()
            return 1
        return 0

    def ended(status: int, written: jail.WrittenFiles, result: str | None) -> None:
        files = {path: base64.b64encode(data).decode() for path, data in written.files.items()}
        control.sendall(json.dumps([status, files, written.left_out, result]).encode())

    jail.host_program(
        jail.Level(level),
        jail.Limits(**settings["limits"]),
        control=control,
        readable=[Path(path) for path in settings["readable"]],
        begin=begin,
        learner=learner,
        ended=ended,
        scratch=Path(scratch),
    )


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    main(*sys.argv[2:])
