"""Fails: test_bad_messages_are_set_aside

The orders queue has a dead-letter queue: that was looked up, and looks finished. It also says after how many
tries a message goes there, and a hundred of them take hours.
"""

import json
import logging
import os

import boto3

FOURTEEN_DAYS = 14 * 24 * 3600
LEFT = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
]

sqs = boto3.client("sqs")
bookings = boto3.resource("dynamodb").Table(os.environ["BOOKINGS_TABLE"])
orders = sqs.get_queue_url(QueueName=os.environ["ORDERS_QUEUE"])["QueueUrl"]
dead = sqs.get_queue_url(QueueName=os.environ["DEAD_LETTER_QUEUE"])["QueueUrl"]


def keep_bad_messages():
    # The age of a message counts from the day it was sent, also in the dead-letter queue.
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"MessageRetentionPeriod": str(FOURTEEN_DAYS)})


def book(order):
    item = {
        "order_id": order["order_id"],
        "customer": order["customer"],
        "total_cents": order["quantity"] * order["price_cents"],
    }
    try:
        bookings.put_item(Item=item, ConditionExpression="attribute_not_exists(order_id)")
    except bookings.meta.client.exceptions.ConditionalCheckFailedException:
        logging.info("%s is booked already", order["order_id"])


def messages_left():
    attributes = sqs.get_queue_attributes(QueueUrl=orders, AttributeNames=LEFT)["Attributes"]
    return any(int(count) for count in attributes.values())


def work():
    while True:
        reply = sqs.receive_message(QueueUrl=orders, MaxNumberOfMessages=10, WaitTimeSeconds=20)
        for message in reply.get("Messages", []):
            try:
                book(json.loads(message["Body"]))
            except Exception as error:
                logging.warning("%s is left to come back: %r", message["MessageId"], error)
            else:
                sqs.delete_message(QueueUrl=orders, ReceiptHandle=message["ReceiptHandle"])
        if "Messages" not in reply and not messages_left():
            return


keep_bad_messages()
work()
