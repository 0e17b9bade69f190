"""Fails: test_nothing_else_was_touched

A copy under a name nobody can guess, signed. The link is fine, the copy stays behind for ever, and the
next report gets another one.
"""

import os
import uuid

import boto3

bucket = os.environ["BUCKET"]
s3 = boto3.client("s3")
copy = f"shared/{uuid.uuid4()}.csv"
s3.copy_object(Bucket=bucket, Key=copy, CopySource={"Bucket": bucket, "Key": os.environ["REPORT_KEY"]})
print(s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": copy}, ExpiresIn=3600))
