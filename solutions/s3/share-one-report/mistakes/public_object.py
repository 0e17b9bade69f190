"""Fails: test_nothing_else_was_touched

Only one object is made public, so it looks careful. But ACLs and the public access block had to be
switched for the whole bucket, and the address never dies.
"""

import os

import boto3

bucket, key = os.environ["BUCKET"], os.environ["REPORT_KEY"]
s3 = boto3.client("s3")
s3.delete_public_access_block(Bucket=bucket)
s3.put_bucket_ownership_controls(
    Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
)
s3.put_object_acl(Bucket=bucket, Key=key, ACL="public-read")
print(f"http://127.0.0.1:4566/{bucket}/{key}")
