"""An hour is what the SDK takes when nothing is said."""

import os

import boto3

print(
    boto3.session.Session()
    .client("s3")
    .generate_presigned_url("get_object", {"Bucket": os.environ["BUCKET"], "Key": os.environ["REPORT_KEY"]})
)
