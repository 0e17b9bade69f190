"""Fails: test_link_lives_and_dies_on_time

The longest expiry that is allowed, so that nobody calls back. A link is a password: it ends up in mail
archives and chat histories, and this one still works when it does.
"""

import os

import boto3

s3 = boto3.client("s3")
print(
    s3.generate_presigned_url(
        "get_object",
        Params={"Bucket": os.environ["BUCKET"], "Key": os.environ["REPORT_KEY"]},
        ExpiresIn=7 * 24 * 3600,
    )
)
