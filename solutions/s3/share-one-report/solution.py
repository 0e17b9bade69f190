"""Sign the read of one object for an hour: nothing in the bucket has to change."""

import os

import boto3

s3 = boto3.client("s3")
print(
    s3.generate_presigned_url(
        "get_object",
        Params={"Bucket": os.environ["BUCKET"], "Key": os.environ["REPORT_KEY"]},
        ExpiresIn=3600,
    )
)
