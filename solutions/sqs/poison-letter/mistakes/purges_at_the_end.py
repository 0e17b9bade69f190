"""Fails: test_bad_messages_are_set_aside

What is still there after a few tries cannot be booked, so the queue is emptied. That deletes the bad messages
unread, and whatever came in meanwhile.
"""

import json
import logging
import os

import boto3

FOURTEEN_DAYS = 14 * 24 * 3600

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


def work():
    for _ in range(30):
        reply = sqs.receive_message(QueueUrl=orders, MaxNumberOfMessages=10, WaitTimeSeconds=20)
        for message in reply.get("Messages", []):
            try:
                book(json.loads(message["Body"]))
            except Exception as error:
                logging.warning("%s cannot be booked: %r", message["MessageId"], error)
            else:
                sqs.delete_message(QueueUrl=orders, ReceiptHandle=message["ReceiptHandle"])
    sqs.purge_queue(QueueUrl=orders)


keep_bad_messages()
work()
