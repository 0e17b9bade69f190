"""Who can sign: the program's own key, keys that IAM issued in the world, sessions that STS issued."""

from __future__ import annotations

import datetime as dt
import random
import string
import sys

from cloudkata.emulator.signatures import Key

ACCOUNT = "123456789012"
"""The account of a lab."""


class Principals:
    """Looks up keys for one world."""

    def __init__(self, seed: int) -> None:
        draw = random.Random(f"{seed}/principals")
        self.program_key = "AKIA" + "".join(draw.choices(string.ascii_uppercase + "234567", k=16))
        self.program_secret = "".join(draw.choices(string.ascii_letters + string.digits + "+/", k=40))
        self.program_arn = f"arn:aws:iam::{ACCOUNT}:user/learner"

    def key(self, access_key_id: str) -> Key | None:
        """The key with this id, or None when the world does not know it."""
        if access_key_id == self.program_key:
            return Key(
                secret=self.program_secret,
                arn=self.program_arn,
                account=ACCOUNT,
                session_token=None,
                expires=None,
                active=True,
            )
        # A world in which nobody has touched IAM has issued no keys; importing moto's IAM costs 50 ms.
        if "moto.iam.models" not in sys.modules:
            return None
        return _user_key(access_key_id) or _session_key(access_key_id)


def _user_key(access_key_id: str) -> Key | None:
    from moto.iam.models import iam_backends

    for account, regions in list(iam_backends.items()):
        for user in regions["aws"].users.values():
            for key in user.access_keys:
                if key.access_key_id == access_key_id:
                    return Key(
                        secret=key.secret_access_key,
                        arn=user.arn,
                        account=account,
                        session_token=None,
                        expires=None,
                        active=key.status == "Active",
                    )
    return None


def _session_key(access_key_id: str) -> Key | None:
    from moto.sts.models import sts_backends

    for account, regions in list(sts_backends.items()):
        for role in regions["aws"].assumed_roles:
            if role.access_key_id == access_key_id:
                return Key(
                    secret=role.secret_access_key,
                    arn=role.arn,
                    account=account,
                    session_token=role.session_token,
                    expires=role.expiration.replace(tzinfo=dt.UTC),
                    active=True,
                )
    return None
