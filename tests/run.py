"""Everything that must hold before a change lands, part by part, with the time each part took.

python tests/run.py             all parts
python tests/run.py lint unit   some of them
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = sys.executable
BIN = Path(PYTHON).parent

BUDGET_MINUTES = 20

PARTS: dict[str, list[list[str]]] = {
    "lint": [
        [PYTHON, "-m", "ruff", "check"],
        [PYTHON, "-m", "ruff", "format", "--check"],
        [str(BIN / "lint-imports"), "--no-cache"],
    ],
    "types": [[PYTHON, "-m", "mypy"]],
    "tests": [[PYTHON, "-m", "pytest", "-q", "--durations=5"]],
    "labs": [[str(BIN / "kata"), "verify"]],
}


def main(wanted: list[str]) -> int:
    """Run the wanted parts, all of them even when one fails; 0 when every one passed."""
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        print(f"There is no part {unknown[0]!r}; the parts are {', '.join(PARTS)}.")
        return 2
    took: dict[str, float] = {}
    failed = []
    for name in wanted or PARTS:
        print(f"\n=== {name}", flush=True)
        began = time.monotonic()
        statuses = [subprocess.run(command, cwd=ROOT, check=False).returncode for command in PARTS[name]]
        failed += [name] if any(statuses) else []
        took[name] = time.monotonic() - began
    print("\n=== time by part")
    for name, seconds in took.items():
        print(f"{name:<8} {seconds:7.1f} s{'   FAILED' if name in failed else ''}")
    total = sum(took.values())
    print(f"{'all':<8} {total:7.1f} s   of {BUDGET_MINUTES * 60} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
