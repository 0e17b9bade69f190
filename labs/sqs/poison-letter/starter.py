import json
import os

import boto3

sqs = boto3.client("sqs")
bookings = boto3.resource("dynamodb").Table(os.environ["BOOKINGS_TABLE"])
orders = sqs.get_queue_url(QueueName=os.environ["ORDERS_QUEUE"])["QueueUrl"]

# The worker as it was found.
while messages := sqs.receive_message(QueueUrl=orders, MaxNumberOfMessages=10).get("Messages", []):
    for message in messages:
        order = json.loads(message["Body"])
        bookings.put_item(
            Item={
                "order_id": order["order_id"],
                "customer": order["customer"],
                "total_cents": order["quantity"] * order["price_cents"],
            }
        )
    for message in messages:
        sqs.delete_message(QueueUrl=orders, ReceiptHandle=message["ReceiptHandle"])
