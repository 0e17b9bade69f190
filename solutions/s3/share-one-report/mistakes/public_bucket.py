"""Fails: test_link_opens_nothing_else

The answer of the first search result: open the bucket, then hand out the plain address. It works at
once, which is why it is found in so many incident reports; every other report is open too, for ever.
"""

import json
import os

import boto3

bucket, key = os.environ["BUCKET"], os.environ["REPORT_KEY"]
s3 = boto3.client("s3")
s3.delete_public_access_block(Bucket=bucket)
s3.put_bucket_policy(
    Bucket=bucket,
    Policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": "*",
                    "Action": "s3:GetObject",
                    "Resource": f"arn:aws:s3:::{bucket}/*",
                }
            ],
        }
    ),
)
print(f"http://127.0.0.1:4566/{bucket}/{key}")
