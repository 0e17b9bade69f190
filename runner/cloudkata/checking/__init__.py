"""What lab authors use in `check.py`: marks, and the fixtures of `cloudkata.checking.fixtures`.

from cloudkata.checking import fidelity, hint, needs, points
"""

from __future__ import annotations

from cloudkata.checking.marks import fidelity, hint, needs, points

__all__ = ["fidelity", "hint", "needs", "points"]
