"""It looks before it books, since no other worker runs, and reports what lies in the dead-letter queue."""

import json
import os

import boto3


def main():
    sqs = boto3.client("sqs")
    bookings = boto3.resource("dynamodb").Table(os.environ["BOOKINGS_TABLE"])
    queue = {"QueueUrl": sqs.get_queue_url(QueueName=os.environ["ORDERS_QUEUE"])["QueueUrl"]}
    dead = {"QueueUrl": sqs.get_queue_url(QueueName=os.environ["DEAD_LETTER_QUEUE"])["QueueUrl"]}
    connect(sqs, queue, dead)
    while messages := batch(sqs, queue):
        for message in messages:
            drain_one(sqs, bookings, queue, message)
    for message in sqs.receive_message(**dead, MaxNumberOfMessages=10).get("Messages", []):
        print("Cannot be booked:", message["Body"])


def connect(sqs, queue, dead):
    arn = sqs.get_queue_attributes(**dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = {"deadLetterTargetArn": arn, "maxReceiveCount": "3"}
    sqs.set_queue_attributes(**queue, Attributes={"RedrivePolicy": json.dumps(redrive)})
    allow = {"redrivePermission": "byQueue", "sourceQueueArns": [arn.removesuffix("-dead")]}
    sqs.set_queue_attributes(
        **dead, Attributes={"MessageRetentionPeriod": "1209600", "RedriveAllowPolicy": json.dumps(allow)}
    )


def batch(sqs, queue):
    """The next messages; none only when none is left, waiting or in flight."""
    while True:
        messages = sqs.receive_message(
            **queue, MaxNumberOfMessages=5, WaitTimeSeconds=20, VisibilityTimeout=30
        )
        if "Messages" in messages:
            return messages["Messages"]
        figures = sqs.get_queue_attributes(**queue, AttributeNames=["All"])["Attributes"]
        if figures["ApproximateNumberOfMessages"] == figures["ApproximateNumberOfMessagesNotVisible"] == "0":
            return []


def drain_one(sqs, bookings, queue, message):
    try:
        order = json.loads(message["Body"])
        item = {name: order[name] for name in ("order_id", "customer")}
        item["total_cents"] = order["quantity"] * order["price_cents"]
        if "Item" not in bookings.get_item(Key={"order_id": order["order_id"]}, ConsistentRead=True):
            bookings.put_item(Item=item)
    except Exception as error:
        print("Not booked:", error)
        return
    sqs.delete_message(**queue, ReceiptHandle=message["ReceiptHandle"])


if __name__ == "__main__":
    main()
