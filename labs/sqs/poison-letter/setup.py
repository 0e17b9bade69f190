"""A queue of orders whose worker died on a message a minute ago, in the middle of its first batch."""

import json
from types import SimpleNamespace

BATCH = 10
NAMES = ["Aalto", "Bakker", "Conti", "Duarte", "Eriksen", "Farkas", "Garnier", "Hofer", "Ivanov", "Jansen"]
HEAD_START = 3600
"""Setup runs an hour before the program."""


def setup(aws, inputs, clock):
    story = _story(inputs)
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


# From here to the end the same as in check.py.


def _story(inputs):
    draw = inputs.random("orders")
    orders = [_order(draw, number) for number in draw.sample(range(10_000, 100_000), draw.randint(22, 38))]
    bodies = [json.dumps(order) for order in orders]
    # One bad message is in the middle of the dead worker's batch, the other further back.
    bad = [draw.randint(3, 7), draw.randint(BATCH + 3, len(orders) - 4)]
    bodies[bad[0]] = draw.choice((_cut_off, _without_price))(orders[bad[0]])
    bodies[bad[1]] = json.dumps({**orders[bad[1]], "order_id": None})
    good = [_booking(order) for place, order in enumerate(orders) if place not in bad]
    old = [_order(draw, number) for number in draw.sample(range(1_000, 10_000), 5)]
    return SimpleNamespace(
        bodies=bodies,
        bad=[bodies[place] for place in bad],
        good=good,
        booked=[_invoiced(booking) for booking in [*map(_booking, old[:3]), *good[: bad[0]]]],
        dead=[_cut_off(order) for order in old[3:]],
        visibility=draw.choice((60, 90, 120)),
        hidden=draw.randint(25, 50),
    )


def _order(draw, number):
    return {
        "order_id": f"A-{number}",
        "customer": draw.choice(NAMES),
        "quantity": draw.randint(1, 12),
        "price_cents": draw.randint(95, 40_000),
    }


def _booking(order):
    return {
        "order_id": order["order_id"],
        "customer": order["customer"],
        "total_cents": order["quantity"] * order["price_cents"],
    }


def _invoiced(booking):
    return {**booking, "invoice": booking["order_id"].replace("A", "R")}


def _cut_off(order):
    return json.dumps(order)[:-9]


def _without_price(order):
    return json.dumps({name: value for name, value in order.items() if name != "price_cents"})
