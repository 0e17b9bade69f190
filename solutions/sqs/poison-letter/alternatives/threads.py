"""Ten orders at a time, side by side; it looks before it books, because no other worker runs."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import boto3

sqs = boto3.client("sqs")
dynamodb = boto3.client("dynamodb")
TABLE = os.environ["BOOKINGS_TABLE"]
ORDERS = sqs.get_queue_url(QueueName=os.environ["ORDERS_QUEUE"])["QueueUrl"]
DEAD = sqs.get_queue_url(QueueName=os.environ["DEAD_LETTER_QUEUE"])["QueueUrl"]


def work(message):
    order = json.loads(message["Body"])
    key = {"order_id": {"S": order["order_id"]}}
    total = {"N": str(order["quantity"] * order["price_cents"])}
    if "Item" not in dynamodb.get_item(TableName=TABLE, Key=key, ConsistentRead=True):
        dynamodb.put_item(
            TableName=TABLE, Item={**key, "customer": {"S": order["customer"]}, "total_cents": total}
        )
    sqs.delete_message(QueueUrl=ORDERS, ReceiptHandle=message["ReceiptHandle"])


def main():
    arn = sqs.get_queue_attributes(QueueUrl=DEAD, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    sqs.set_queue_attributes(QueueUrl=ORDERS, Attributes={"RedrivePolicy": redrive})
    sqs.set_queue_attributes(QueueUrl=DEAD, Attributes={"MessageRetentionPeriod": "1209600"})
    with ThreadPoolExecutor(10) as pool:
        while True:
            reply = sqs.receive_message(QueueUrl=ORDERS, MaxNumberOfMessages=10, WaitTimeSeconds=15)
            for future in [pool.submit(work, message) for message in reply.get("Messages", [])]:
                if future.exception():
                    print("Left to come back:", repr(future.exception()))
            figures = sqs.get_queue_attributes(
                QueueUrl=ORDERS,
                AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
            )["Attributes"]
            if not any(map(int, figures.values())):
                return


main()
