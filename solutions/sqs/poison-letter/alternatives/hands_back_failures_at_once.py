import json
import os
import time

import boto3
from botocore.exceptions import ClientError

MAX_TRIES = 3
FOURTEEN_DAYS = 14 * 24 * 3600

sqs = boto3.client("sqs")
bookings = boto3.resource("dynamodb").Table(os.environ["BOOKINGS_TABLE"])


class CannotBeBooked(Exception):
    pass


def set_up(orders, dead):
    """Let the queue itself put away what has failed three times; keep it there long enough."""
    attributes = sqs.get_queue_attributes(
        QueueUrl=dead, AttributeNames=["QueueArn", "MessageRetentionPeriod"]
    )["Attributes"]
    # The age of a message goes on counting from when it was first sent, so take the longest time there is.
    if int(attributes["MessageRetentionPeriod"]) < FOURTEEN_DAYS:
        sqs.set_queue_attributes(QueueUrl=dead, Attributes={"MessageRetentionPeriod": str(FOURTEEN_DAYS)})
    sqs.set_queue_attributes(
        QueueUrl=orders,
        Attributes={
            "RedrivePolicy": json.dumps(
                {"deadLetterTargetArn": attributes["QueueArn"], "maxReceiveCount": MAX_TRIES}
            )
        },
    )


def booking_of(body):
    try:
        order = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise CannotBeBooked(f"not JSON: {error}")
    if not isinstance(order, dict):
        raise CannotBeBooked("not an object")
    for field in ("order_id", "customer"):
        if not isinstance(order.get(field), str) or not order[field]:
            raise CannotBeBooked(f"bad {field}")
    for field in ("quantity", "price_cents"):
        if type(order.get(field)) is not int:  # no bool, no float, no text
            raise CannotBeBooked(f"bad {field}")
    if order["quantity"] <= 0 or order["price_cents"] < 0:
        raise CannotBeBooked("bad quantity or price")
    return {
        "order_id": order["order_id"],
        "customer": order["customer"],
        "total_cents": order["quantity"] * order["price_cents"],
    }


def book(body):
    item = booking_of(body)
    try:
        bookings.put_item(Item=item, ConditionExpression="attribute_not_exists(order_id)")
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ConditionalCheckFailedException":
            return  # booked already, leave it alone
        if code == "ValidationException":
            raise CannotBeBooked(str(error))
        raise
    except (ValueError, TypeError, ArithmeticError) as error:  # boto3 cannot write it at all
        raise CannotBeBooked(str(error))


def work(orders, messages):
    done, failed = [], []
    try:
        for message in messages:
            try:
                book(message["Body"])
                done.append(message)
            except CannotBeBooked as error:
                print(f"message {message['MessageId']} cannot be booked: {error}")
                failed.append(message)
    finally:
        if done:
            answer = sqs.delete_message_batch(
                QueueUrl=orders,
                Entries=[{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(done)],
            )
            for failure in answer.get("Failed", []):
                sqs.delete_message(QueueUrl=orders, ReceiptHandle=done[int(failure["Id"])]["ReceiptHandle"])
        if failed:
            # Give them back at once, so that the next try need not wait for the timeout.
            sqs.change_message_visibility_batch(
                QueueUrl=orders,
                Entries=[
                    {"Id": str(i), "ReceiptHandle": m["ReceiptHandle"], "VisibilityTimeout": 0}
                    for i, m in enumerate(failed)
                ],
            )


COUNTS = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
]


def is_empty(orders):
    attributes = sqs.get_queue_attributes(QueueUrl=orders, AttributeNames=COUNTS)["Attributes"]
    return all(int(attributes[name]) == 0 for name in COUNTS)


def main():
    orders = sqs.get_queue_url(QueueName=os.environ["ORDERS_QUEUE"])["QueueUrl"]
    dead = sqs.get_queue_url(QueueName=os.environ["DEAD_LETTER_QUEUE"])["QueueUrl"]
    set_up(orders, dead)
    empty = 0
    while empty < 3:  # the counts are approximate: believe them only the third time
        messages = sqs.receive_message(QueueUrl=orders, MaxNumberOfMessages=10, WaitTimeSeconds=20).get(
            "Messages", []
        )
        if messages:
            empty = 0
            work(orders, messages)
        elif is_empty(orders):
            empty += 1
            time.sleep(1)
        else:
            empty = 0
            time.sleep(1)


if __name__ == "__main__":
    main()
