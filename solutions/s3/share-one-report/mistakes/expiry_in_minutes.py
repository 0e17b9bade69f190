"""Fails: test_link_lives_and_dies_on_time

ExpiresIn counts seconds. Sixty of them are over before the auditor has opened the mail.
"""

import os

import boto3

s3 = boto3.client("s3")
print(
    s3.generate_presigned_url(
        "get_object", Params={"Bucket": os.environ["BUCKET"], "Key": os.environ["REPORT_KEY"]}, ExpiresIn=60
    )
)
