"""A jailed service of a test, as the supervisor starts one; a script for an isolated interpreter."""

from __future__ import annotations

import json
import socket
import sys
import traceback
from pathlib import Path


def main(level: str, control_descriptor: str, settings_text: str) -> None:
    """Jail this process, then run the given source, with `facts`, `control`, `seal` and `answer` to use."""
    from cloudkata import jail

    settings = json.loads(settings_text)
    descriptor = int(control_descriptor)
    try:
        readable = [Path(path) for path in settings["readable"]]
        jail.jail_service(jail.Level(level), readable, keep_descriptors=[descriptor])
    except jail.JailError as error:
        sys.exit(str(error))
    control = socket.socket(fileno=descriptor)

    def answer(value: object) -> None:
        control.sendall(json.dumps(value).encode())

    names = {"facts": settings["facts"], "control": control, "seal": jail.seal_service, "answer": answer}
    try:
        exec(compile(settings["source"], "service.py", "exec"), names | {"__name__": "__main__"})
    except Exception:
        traceback.print_exc()
        sys.exit(1)


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    main(*sys.argv[2:])
