"""One message after the other, short polls; what fails may be tried again at once."""

import json
import os
import time

import boto3

sqs = boto3.client("sqs")
dynamodb = boto3.client("dynamodb")
queue = sqs.get_queue_url(QueueName=os.environ["ORDERS_QUEUE"])["QueueUrl"]
dead = sqs.get_queue_url(QueueName=os.environ["DEAD_LETTER_QUEUE"])["QueueUrl"]


def attributes(url):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def book(order):
    # An update leaves alone what it does not name, such as an invoice number.
    dynamodb.update_item(
        TableName=os.environ["BOOKINGS_TABLE"],
        Key={"order_id": {"S": order["order_id"]}},
        UpdateExpression="SET customer = :customer, total_cents = :total",
        ExpressionAttributeValues={
            ":customer": {"S": order["customer"]},
            ":total": {"N": str(order["quantity"] * order["price_cents"])},
        },
    )


def next_message():
    reply = sqs.receive_message(QueueUrl=queue)
    return reply.get("Messages", [None])[0]


def nothing_left():
    figures = attributes(queue)
    return sum(int(figures[name]) for name in figures if name.startswith("ApproximateNumberOf")) == 0


sqs.set_queue_attributes(QueueUrl=dead, Attributes={"MessageRetentionPeriod": str(13 * 86_400)})
policy = {"deadLetterTargetArn": attributes(dead)["QueueArn"], "maxReceiveCount": 3}
sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": json.dumps(policy)})

while True:
    message = next_message()
    if message is None:
        if nothing_left():
            break
        time.sleep(5)
        continue
    handle = message["ReceiptHandle"]
    try:
        book(json.loads(message["Body"]))
    except Exception as error:
        print(message["MessageId"], error)
        sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=0)
    else:
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=handle)
