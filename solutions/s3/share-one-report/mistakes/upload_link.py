"""Fails: test_link_opens_the_report

Signed for the wrong operation: the signature covers the HTTP method, so a link for uploading does not
download.
"""

import os

import boto3

s3 = boto3.client("s3")
print(
    s3.generate_presigned_url(
        "put_object", Params={"Bucket": os.environ["BUCKET"], "Key": os.environ["REPORT_KEY"]}, ExpiresIn=3600
    )
)
