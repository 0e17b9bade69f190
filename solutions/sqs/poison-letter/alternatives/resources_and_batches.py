"""Resources and batch deletes; it ends after a silence longer than the visibility timeout."""

import json
import os
import time

import boto3
from botocore.exceptions import ClientError

sqs = boto3.resource("sqs")
orders = sqs.get_queue_by_name(QueueName=os.environ["ORDERS_QUEUE"])
dead = sqs.get_queue_by_name(QueueName=os.environ["DEAD_LETTER_QUEUE"])
table = boto3.resource("dynamodb").Table(os.environ["BOOKINGS_TABLE"])

redrive = json.loads(orders.attributes["RedrivePolicy"])
redrive["maxReceiveCount"] = "3"
orders.set_attributes(Attributes={"RedrivePolicy": json.dumps(redrive)})
dead.set_attributes(Attributes={"MessageRetentionPeriod": "1209600"})


def is_done(message):
    try:
        order = json.loads(message.body)
        total = order["quantity"] * order["price_cents"]
        table.put_item(
            Item={
                "order_id": order["order_id"],
                "customer": order["customer"],
                "total_cents": total,
                "booked_at": int(time.time()),
            },
            ConditionExpression="attribute_not_exists(#id)",
            ExpressionAttributeNames={"#id": "order_id"},
        )
    except ClientError as error:
        return error.response["Error"]["Code"] == "ConditionalCheckFailedException"
    except (ValueError, KeyError, TypeError):
        return False
    return True


silence = int(orders.attributes["VisibilityTimeout"]) + 5
last = time.monotonic()
while time.monotonic() - last < silence:
    batch = orders.receive_messages(MaxNumberOfMessages=10, WaitTimeSeconds=10)
    if not batch:
        continue
    last = time.monotonic()
    done = [
        {"Id": str(place), "ReceiptHandle": message.receipt_handle}
        for place, message in enumerate(batch)
        if is_done(message)
    ]
    if done:
        orders.delete_messages(Entries=done)
