"""S3 as new buckets have been since April 2023, and what somebody without credentials meets."""

from __future__ import annotations

import pytest
from made_labs import Grader

PRELUDE = """
import boto3, json, urllib.error, urllib.request
s3 = boto3.client("s3")
s3.create_bucket(Bucket="bucket")
s3.put_object(Bucket="bucket", Key="k", Body=b"content")

def anybody(path, method="GET", data=None):
    try:
        with urllib.request.urlopen(
            urllib.request.Request("http://127.0.0.1:4566/bucket" + path, method=method, data=data)
        ) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code

def refused(call, **parameters):
    try:
        call(Bucket="bucket", **parameters)
    except s3.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    return "accepted"

def policy(**changes):
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, **changes}]})

def expect(got, wanted):
    assert got == wanted, f"{got!r} instead of {wanted!r}"

"""

CASES = {
    "a new bucket is closed": """
        block = s3.get_public_access_block(Bucket="bucket")["PublicAccessBlockConfiguration"]
        expect(set(block.values()), {True})
        rules = s3.get_bucket_ownership_controls(Bucket="bucket")["OwnershipControls"]["Rules"]
        expect(rules, [{"ObjectOwnership": "BucketOwnerEnforced"}])
        for path in ("/k", "?list-type=2", "/missing", "?policy"):
            expect(anybody(path), 403)
        expect(anybody("/k", "PUT", b"x"), 403)
        expect(anybody("/k", "DELETE"), 403)
        expect(anybody("/k", "HEAD"), 403)
    """,
    "a public policy is blocked": """
        expect(refused(s3.put_bucket_policy, Policy=policy()), "AccessDenied")
        expect(refused(s3.put_bucket_policy, Policy=policy(Principal={"AWS": "123456789012"})), "accepted")
    """,
    "what is no policy is malformed": """
        for text in ("garbage", '{"not": "a policy"}', '{"Statement": [{"Effect": "Maybe"}]}'):
            expect(refused(s3.put_bucket_policy, Policy=text), "MalformedPolicy")
    """,
    "acls are disabled": """
        expect(refused(s3.put_bucket_acl, ACL="public-read"), "AccessControlListNotSupported")
        expect(refused(s3.put_object_acl, Key="k", ACL="public-read"), "AccessControlListNotSupported")
        expect(refused(s3.put_object, Key="k2", Body=b"", ACL="public-read"), "AccessControlListNotSupported")
        expect(refused(s3.put_object, Key="k2", Body=b"", ACL="bucket-owner-full-control"), "accepted")
    """,
    "public acls are blocked where acls are enabled": """
        rules = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
        s3.put_bucket_ownership_controls(Bucket="bucket", OwnershipControls=rules)
        expect(refused(s3.put_object_acl, Key="k", ACL="public-read"), "AccessDenied")
        expect(refused(s3.put_object_acl, Key="k", ACL="private"), "accepted")
    """,
    "an opened bucket opens what its policy says": """
        s3.delete_public_access_block(Bucket="bucket")
        s3.put_bucket_policy(Bucket="bucket", Policy=policy())
        expect(anybody("/k"), 200)
        expect(anybody("?list-type=2"), 403)
        expect(anybody("/k", "PUT", b"x"), 403)
        s3.put_bucket_policy(Bucket="bucket", Policy=policy(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
        expect(anybody("/k"), 403)
    """,
    "restricting public buckets closes a public one": """
        s3.delete_public_access_block(Bucket="bucket")
        s3.put_bucket_policy(Bucket="bucket", Policy=policy())
        s3.put_public_access_block(Bucket="bucket", PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
        expect(anybody("/k"), 403)
    """,
    "a public object is public until public acls are ignored": """
        s3.delete_public_access_block(Bucket="bucket")
        rules = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
        s3.put_bucket_ownership_controls(Bucket="bucket", OwnershipControls=rules)
        s3.put_object_acl(Bucket="bucket", Key="k", ACL="public-read")
        expect(anybody("/k"), 200)
        s3.put_public_access_block(Bucket="bucket", PublicAccessBlockConfiguration={"IgnorePublicAcls": True})
        expect(anybody("/k"), 403)
    """,
    "a policy against somebody else stops nobody here": """
        deny = policy(Effect="Deny", Principal={"AWS": "arn:aws:iam::111111111111:root"})
        s3.put_bucket_policy(Bucket="bucket", Policy=deny)
        expect(s3.get_object(Bucket="bucket", Key="k")["Body"].read(), b"content")
    """,
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_s3_is_as_aws_makes_it(graded: Grader, case: str) -> None:
    import textwrap

    made = graded(PRELUDE + textwrap.dedent(case), services='["s3"]')
    assert made.passed, made.runs[0].output.stderr
