"""What differs from the start state."""

from __future__ import annotations

from cloudkata.checking.changes import Changes

BEFORE = {
    "s3": {"bucket a": {"Policy": None, "Tags": 1}, "object a/k": {"ETag": "1"}},
    "sqs": {"queue q": {"X": 1}},
}


def after(**services: object) -> Changes:
    return Changes(BEFORE, {**BEFORE, **services})  # type: ignore[arg-type]


def test_nothing_changed() -> None:
    assert after().besides() == []


def test_created_altered_and_deleted_are_told_apart() -> None:
    changes = after(s3={"bucket a": {"Policy": "p", "Tags": 1}, "object a/new": {}}, sqs={})
    assert [str(change) for change in changes] == [
        "s3 bucket a altered: Policy was not set, is 'p'",
        "s3 object a/k deleted",
        "s3 object a/new created",
        "sqs queue q deleted",
    ]


def test_what_is_allowed_is_left_out() -> None:
    changes = after(s3={"bucket a": {"Policy": "p", "Tags": 2}, "object a/k": {"ETag": "2"}})
    assert len(changes.besides()) == 2
    assert changes.besides("s3 object a/*") == [str(changes.all[0])]
    assert changes.besides("s3 object a/* altered", "s3 bucket a Policy", "s3 bucket a Tags") == []
    assert len(changes.besides("s3 object a/*", "s3 bucket a Policy")) == 1, (
        "an attribute beyond the allowed ones"
    )
    assert len(changes.besides("s3 object a/* deleted")) == 2
