"""What is known of every lab before one is read."""

from typing import Literal, get_args

LAB_FILES = ("lab.toml", "task.md", "setup.py", "check.py", "starter.py")
"""What every lab folder holds."""

Level = Literal["warm-up", "core", "challenge"]

LEVELS: tuple[Level, ...] = get_args(Level)
"""From easiest to hardest."""
