from urllib.parse import urlsplit

import pytest

from cloudkata.checking import fidelity, hint, needs, points


@pytest.fixture
def link(program):
    lines = program.stdout.split()
    assert len(lines) == 1, (
        f"The program should print one line with one link; it printed {len(lines)} words. {program.how_it_ended()}"
    )
    return lines[0]


@pytest.fixture
def report(aws, inputs):
    return aws.client("s3").get_object(Bucket=inputs.BUCKET, Key=inputs.REPORT_KEY)["Body"].read()


@points(3)
@fidelity("corrected")
@hint(
    "Who vouches for the download, if whoever holds the link has no credentials?",
    "A link can carry a signature of yours: the SDK makes one without calling AWS at all.",
    "Look at generate_presigned_url of the S3 client, for the operation that reads one object.",
)
def test_link_opens_the_report(link, http, report):
    """The printed link opens the report for somebody without credentials."""
    reply = http.get(link)
    assert reply.status == 200, f"Opening the link gave {reply.status} {reply.reason}, not the report."
    assert reply.body == report, f"The link opens something else: it begins {reply.text[:60]!r}."


@points(2)
@needs("test_link_opens_the_report")
@fidelity("corrected")
@hint(
    "How is it known to AWS that the address in the link was not changed?",
    "The signature covers method, bucket and key. A link that is only an address protects nothing.",
)
def test_link_opens_nothing_else(link, http, inputs):
    """The link reads that one report; it opens no other object and writes nothing."""
    other = http.get(urlsplit(link)._replace(path=f"/{inputs.BUCKET}/board/minutes.txt").geturl())
    assert other.status == 403, (
        f"With another key in the link, GET gave {other.status}: it opens more than one report."
    )
    written = http.put(link, b"month,revenue\n1,0\n")
    assert written.status == 403, (
        f"PUT to the link gave {written.status}: whoever holds it can overwrite the report."
    )


@points(2)
@hint(
    "What else could somebody now do without any link?",
    "Nothing has to be changed in the bucket for this: no policy, no ACL, no copy.",
)
def test_nothing_else_was_touched(changes):
    """Bucket, settings and objects are exactly as they were."""
    assert not changes.besides(), f"The start state was changed: {'; '.join(changes.besides()[:3])}."


@points(1)
@fidelity("corrected")
@hint("Try the plain address of the report, without anything after the question mark.")
def test_nothing_is_public(http, inputs):
    """Without the link the report stays closed, and so does the list of reports."""
    plain = http.get(f"http://127.0.0.1:4566/{inputs.BUCKET}/{inputs.REPORT_KEY}")
    assert plain.status == 403, f"The report's plain address gives {plain.status}: anybody can read it."
    listing = http.get(f"http://127.0.0.1:4566/{inputs.BUCKET}?list-type=2")
    assert listing.status == 403, (
        f"Listing the bucket without credentials gives {listing.status}: anybody can see what is there."
    )


@points(2)
@needs("test_link_opens_the_report")
@fidelity("corrected")
@hint(
    "How long does the link live if nobody says so? The auditor has until lunch, not for ever.",
    "ExpiresIn counts seconds from the moment the link is signed.",
)
def test_link_lives_and_dies_on_time(link, http, clock):
    """The link still works after 59 minutes and is dead after an hour."""
    clock.advance(minutes=59)
    early = http.get(link)
    assert early.status == 200, (
        f"59 minutes after it was made the link gives {early.status}: the auditor was promised an hour."
    )
    clock.advance(minutes=1, seconds=1)
    late = http.get(link)
    assert late.status == 403, (
        f"An hour after it was made the link gives {late.status}: it still opens the report."
    )
