"""The newer signature, through the client behind the resource API, with a name for the download."""

import os

import boto3
from botocore.config import Config

report = boto3.resource("s3", config=Config(signature_version="s3v4")).Object(
    os.environ["BUCKET"], os.environ["REPORT_KEY"]
)
print(
    report.meta.client.generate_presigned_url(
        "get_object",
        Params={
            "Bucket": report.bucket_name,
            "Key": report.key,
            "ResponseContentDisposition": "attachment; filename=report.csv",
        },
        ExpiresIn=3600,
    )
)
