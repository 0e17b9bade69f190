"""When a world begins."""

from __future__ import annotations

import datetime as dt
import random

MINUTE_MS = 60_000
EARLIEST_YEAR = 2027
YEARS = 4


def first_instant(seed: int) -> int:
    """The instant at which a world begins, in milliseconds since 1970.

    Mostly an ordinary weekday morning; one seed in ten draws the last day of a month, one in twenty
    a leap day, because programs that count days go wrong there.
    """
    draw = random.Random(f"{seed}/instant")
    kind = draw.random()
    year = EARLIEST_YEAR + draw.randrange(YEARS)
    if kind < 0.05:
        day = dt.date(2028, 2, 29)
    elif kind < 0.15:
        month = draw.randint(1, 12)
        day = dt.date(year + month // 12, month % 12 + 1, 1) - dt.timedelta(days=1)
    else:
        day = dt.date(year, 1, 1) + dt.timedelta(days=draw.randrange(365))
        while day.weekday() > 4 or not 2 <= day.day <= 26:
            day += dt.timedelta(days=1)
    minutes = draw.randint(8 * 60, 11 * 60)
    morning = dt.datetime.combine(day, dt.time(), dt.UTC) + dt.timedelta(minutes=minutes)
    return int(morning.timestamp()) * 1000
