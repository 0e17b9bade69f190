"""A queue of orders whose worker died on a message a minute ago, in the middle of its first batch."""

import json

from records import BATCH, night

HEAD_START = 3600
"""Setup runs an hour before the program."""


def setup(aws, inputs, clock):
    story = night(inputs)
    sqs, table = aws.client("sqs"), aws.resource("dynamodb").Table(inputs.BOOKINGS_TABLE)
    with clock.ago(days=90):
        orders, dead = _create_queues(sqs, inputs, story.visibility)
        _create_table(table)
    for place, body in enumerate(story.bodies):
        with clock.ago(minutes=480 - 10 * place):
            sqs.send_message(QueueUrl=orders, MessageBody=body)
    with clock.ago(hours=1):
        for body in story.dead:
            sqs.send_message(QueueUrl=dead, MessageBody=body)
    # What the dead worker took stays hidden until some seconds after the program's start.
    hidden = HEAD_START + story.hidden
    sqs.receive_message(QueueUrl=orders, MaxNumberOfMessages=BATCH, VisibilityTimeout=hidden)
    for booking in story.booked:
        table.put_item(Item=booking)


def _create_queues(sqs, inputs, visibility):
    dead = sqs.create_queue(QueueName=inputs.DEAD_LETTER_QUEUE)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    # A hundred tries: with a crash and a timeout for each, no message ever gets that far.
    redrive = {"deadLetterTargetArn": arn, "maxReceiveCount": 100}
    attributes = {"VisibilityTimeout": str(visibility), "RedrivePolicy": json.dumps(redrive)}
    return sqs.create_queue(QueueName=inputs.ORDERS_QUEUE, Attributes=attributes)["QueueUrl"], dead


def _create_table(table):
    table.meta.client.create_table(
        TableName=table.name,
        KeySchema=[{"AttributeName": "order_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "order_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
