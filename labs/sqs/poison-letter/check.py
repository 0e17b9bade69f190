import json
from decimal import Decimal
from types import SimpleNamespace

import pytest
from records import booking_of, new_order, night

from cloudkata.checking import fidelity, hint, needs, points

TRIES = 3
COUNTS = {
    "ApproximateNumberOfMessages": "waiting",
    "ApproximateNumberOfMessagesNotVisible": "in flight",
    "ApproximateNumberOfMessagesDelayed": "delayed",
}
DEFAULTS = {
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
    "MaximumMessageSize": "1048576",
    "Policy": None,
}
ADDED = ("GlobalSecondaryIndexes", "StreamSpecification", "Replicas")
FOUR_DAYS = str(4 * 86_400)
LONGEST_RETENTION = 14 * 86_400


@pytest.fixture
def story(inputs):
    return night(inputs)


@pytest.fixture
def queues(aws, inputs, clock):
    sqs = aws.resource("sqs")
    dead = sqs.get_queue_by_name(QueueName=inputs.DEAD_LETTER_QUEUE)
    return SimpleNamespace(
        orders=sqs.get_queue_by_name(QueueName=inputs.ORDERS_QUEUE),
        dead=dead,
        read_dead=lambda: _read(dead, clock),
    )


@pytest.fixture
def newcomers(inputs):
    """Orders that come in before the second start, one of them bad."""
    draw = inputs.random("second start")
    orders = [
        new_order(draw, number) for number in draw.sample(range(100_000, 1_000_000), draw.randint(12, 16))
    ]
    place = draw.randint(3, 9)
    bad = json.dumps({**orders.pop(place), "quantity": None})
    bodies = [json.dumps(order) for order in orders]
    bodies.insert(place, bad)
    return SimpleNamespace(bodies=bodies, bad=bad, good=[booking_of(order) for order in orders])


@pytest.fixture
def bookings(aws, inputs):
    return aws.resource("dynamodb").Table(inputs.BOOKINGS_TABLE)


@points(3)
@hint(
    "Ten messages were in the hands of the worker that died. Where are they while nobody can receive them?",
    "An empty answer says that no message can be received now. It does not say that none will come back: "
    "the queue's figures tell what is in flight.",
    "A message that cannot be booked must not stop the ones behind it in the same batch.",
)
def test_every_order_is_booked(queues, bookings, story, program):
    """Every order that can be booked is booked with the right total, and nothing else is."""
    items = _booked(queues, bookings, story.good, program)
    known = {booking["order_id"] for booking in (*story.good, *story.booked)}
    surplus = [repr(key) for key in items if key not in known]
    assert not surplus, (
        f"{bookings.name} has a new booking under {_list(surplus)}, but no message with this order_id "
        "can be booked."
    )


@points(2)
@needs("test_every_order_is_booked")
@hint(
    "The dead worker booked orders whose messages it did not live to delete. What if they come back?",
    "A queue delivers at least once: booking the same order twice must come to the same as booking it once.",
    "A write can depend on the item not being there yet. If it is there the order is done, and nothing failed.",
)
def test_earlier_bookings_are_kept(bookings, story):
    """Bookings that were there already are as they were, invoice numbers included."""
    items = _items(bookings)
    altered = [booking for booking in story.booked if items.get(booking["order_id"]) != booking]
    first = altered[0] if altered else {"order_id": ""}
    assert not altered, (
        f"{len(altered)} of {len(story.booked)} bookings that were there already are not as they were: "
        f"{_shown(first)} is now {_shown(items.get(first['order_id']))}."
    )


@points(3)
@hint(
    "Which setting of the orders queue decides when a message is given up, and where it goes then?",
    "The queue has such a setting already. Look at its numbers: how long would so many tries take?",
    "The queue moves a message when it is asked for messages and one has used up its tries. Somebody has to "
    "ask once more when the visibility timeout of the last try is over.",
)
def test_bad_messages_are_set_aside(queues, story, program, trace, clock):
    """Each message that cannot be booked lies in the dead-letter queue, the original, after three tries."""
    began = clock.now.timestamp() - program.world_seconds
    looks = sum(_name(queues.dead) in str(call.parameters) for call in trace.of("ReceiveMessage"))
    messages = queues.read_dead()
    for body in story.bad:
        found = [message for message in messages if message.body == body]
        assert found, (
            f"The message {body} cannot be booked and should lie in {_name(queues.dead)}; it does not. "
            f"{_told(queues.orders)}. {program.how_it_ended()}"
        )
        copies = [message for message in found if int(message.attributes["SentTimestamp"]) / 1000 > began]
        assert not copies, (
            f"The message {body} in {_name(queues.dead)} is a copy that was sent while the worker ran. "
            "The queue itself should have moved the original, which is hours old."
        )
        # Reading it here counts as well, and so does a look of the program at the dead-letter queue.
        tries = int(found[0].attributes["ApproximateReceiveCount"]) - 1
        assert TRIES <= tries <= TRIES + looks, (
            f"The message {body} was set aside after {tries} tries, not after {TRIES}. "
            "A try of the dead worker counts too."
        )


@points(2)
@needs("test_every_order_is_booked")
@hint(
    "A good message that comes back again and again is given up like a bad one. Why was it not deleted?",
    "One bad message in a batch of ten is no failure of the other nine.",
    "An order that is booked is done, whoever booked it: its message has to be deleted.",
)
def test_only_bad_messages_are_set_aside(queues, story):
    """No good order lies in the dead-letter queue."""
    wrong = [message.body for message in queues.read_dead() if message.body not in {*story.bad, *story.dead}]
    assert not wrong, (
        f"{len(wrong)} messages came to {_name(queues.dead)} that are not among the bad ones, for example "
        f"{wrong[0]}."
    )


@points(2)
@needs("test_every_order_is_booked")
@hint(
    "How can the worker know that no message will come back any more?",
    "What is in flight comes back when its visibility timeout is over. The queue tells how many messages are "
    "waiting, in flight and delayed.",
)
def test_worker_ends_when_nothing_is_left(queues, program, clock):
    """The worker has ended by itself, nothing is waiting or in flight, and nothing comes back later."""
    assert program.exit_status == 0, (
        f"The worker should end by itself, with status 0. {program.how_it_ended()} {_told(queues.orders)}."
    )
    assert _empty(queues.orders), f"The worker ended although {_told(queues.orders)}."
    clock.advance(minutes=15)
    assert _empty(queues.orders), f"A quarter of an hour after the worker ended {_told(queues.orders)}."


@points(1)
@fidelity("state")
@needs("test_every_order_is_booked")
@hint("Two settings have to differ in the end: one of the orders queue, one of the dead-letter queue.")
def test_nothing_else_was_touched(aws, queues, bookings, story):
    """Other settings, and the old messages in the dead-letter queue, are as they were."""
    kept = {"VisibilityTimeout": str(story.visibility), "MessageRetentionPeriod": FOUR_DAYS}
    found = _altered(queues.orders, {**DEFAULTS, **kept})
    found += _altered(queues.dead, {**DEFAULTS, "VisibilityTimeout": "30", "RedrivePolicy": None})
    bodies = [message.body for message in queues.read_dead()]
    found += [
        f"{_name(queues.dead)} holds the old message {body} {bodies.count(body)} times, not once"
        for body in story.dead
        if bodies.count(body) != 1
    ]
    names = {_name(queue) for queue in aws.resource("sqs").queues.all()}
    found += [f"there is a new queue {name}" for name in names - {_name(queues.orders), _name(queues.dead)}]
    described = aws.client("dynamodb").describe_table(TableName=bookings.name)["Table"]
    found += [f"{bookings.name} has {part} now" for part in ADDED if described.get(part)]
    tables = {table.name for table in aws.resource("dynamodb").tables.all()}
    found += [f"there is a new table {name}" for name in tables - {bookings.name}]
    assert not found, f"More was changed than the task asks for: {'; '.join(found[:3])}."


@points(1)
@needs("test_bad_messages_are_set_aside", "test_worker_ends_when_nothing_is_left")
@hint(
    "Does the queue give up a message only while your worker is there to see to it?",
    "The next worker may die before it can count anything. The setting has to stay when yours has ended.",
)
def test_queue_gives_up_whoever_works(queues, clock):
    """A message on which another worker dies three times is set aside as well."""
    sent = queues.orders.send_message(MessageBody='{"order_id": "A-0"')["MessageId"]
    for tries in range(TRIES):
        taken = queues.orders.receive_messages(WaitTimeSeconds=0)
        assert taken, (
            f"A new bad message could be received {tries} times from {_name(queues.orders)}, not {TRIES} times."
        )
        clock.advance(minutes=3)
    assert not queues.orders.receive_messages(WaitTimeSeconds=0), (
        f"{_name(queues.orders)} gave out a bad message a fourth time, after another worker had died on it "
        f"{TRIES} times. The queue has to give it up by itself, also when your worker has ended."
    )
    assert sent in {message.message_id for message in queues.read_dead()}, (
        f"A bad message on which another worker died {TRIES} times is not in {_name(queues.dead)}."
    )


@points(2)
@needs("test_every_order_is_booked", "test_worker_ends_when_nothing_is_left")
@hint(
    "What does the worker take for granted that was only so at its first start?",
    "Messages that lie in the dead-letter queue, and orders that are booked already, are ordinary.",
)
def test_second_start_works_as_well(queues, bookings, story, program, newcomers):
    """Started again, the worker books new orders, keeps old bookings and sets a new bad message aside."""
    again = story.bodies[0]
    ids = {}
    for body in (*newcomers.bodies, again):
        ids[body] = queues.orders.send_message(MessageBody=body)["MessageId"]
    start = program.run()
    items = _booked(queues, bookings, newcomers.good, start)
    old = next(booking for booking in story.booked if booking["order_id"] in again)
    found = items.get(old["order_id"])
    assert found == old, (
        f"A second message came for an order that was booked as {_shown(old)}. "
        f"Now the booking is {_shown(found)}."
    )
    aside = {message.message_id for message in queues.read_dead()}
    assert ids[newcomers.bad] in aside, (
        f"The message {newcomers.bad} came before a second start. It cannot be booked and should lie in "
        f"{_name(queues.dead)}; it does not. {start.how_it_ended()}"
    )
    good = [body for body, message_id in ids.items() if message_id in aside and body != newcomers.bad]
    assert not good, (
        f"After a second start {_name(queues.dead)} has messages that can be booked: {_list(good)}."
    )
    assert start.exit_status == 0, f"The second start should end with status 0. {start.how_it_ended()}"
    assert _empty(queues.orders), f"After a second start {_told(queues.orders)}. {start.how_it_ended()}"


@points(2)
@needs("test_every_order_is_booked", "test_worker_ends_when_nothing_is_left")
@hint(
    "If the worker dies between any two of its lines, is the order in the queue or in the table?",
    "To delete a message is to tell the queue that its order is safe. What has to be true before that?",
)
def test_no_order_is_lost_while_the_table_is_away(queues, bookings, program, inputs):
    """Orders that cannot be booked, because the table is away, stay in the queues."""
    bookings.delete()
    draw = inputs.random("without the table")
    numbers = draw.sample(range(1_000, 10_000), 12)
    for number in numbers:
        queues.orders.send_message(MessageBody=json.dumps(new_order(draw, number)))
    before = _total(queues.orders, queues.dead)
    program.run()
    lost = before - _total(queues.orders, queues.dead)
    assert lost <= 0, (
        f"{len(numbers)} orders came in while {bookings.name} was away. A start of the worker later the two "
        f"queues hold {lost} messages fewer, although nothing could be booked: they were deleted."
    )


@points(2)
@needs("test_bad_messages_are_set_aside")
@hint(
    "For how long does a queue keep a message, and how old is one when it arrives in the dead-letter queue?",
    "A message does not grow younger by being moved: its age counts from the day it was sent. What does that "
    "mean for the dead-letter queue, if it is to give you ten days?",
)
def test_bad_messages_are_kept(queues, story, clock):
    """Ten days later the bad messages can still be read."""
    queues.dead.load()
    retention = int(queues.dead.attributes["MessageRetentionPeriod"])
    assert retention <= LONGEST_RETENTION, (
        f"{_name(queues.dead)} is to keep messages for {retention:,} seconds. AWS would have refused that: the "
        f"most it allows is {LONGEST_RETENTION:,}."
    )
    clock.advance(days=10)
    kept = {message.body for message in queues.read_dead()}
    gone = [body for body in story.bad if body not in kept]
    assert not gone, (
        f"Ten days later {len(gone)} of {len(story.bad)} bad messages can no longer be read in "
        f"{_name(queues.dead)}. They were sent hours before the worker began, and that time counts."
    )


def _booked(queues, table, expected, start):
    """All items by their key; fails when an expected booking is not among them as it should be."""
    items = _items(table)
    missing = [booking["order_id"] for booking in expected if booking["order_id"] not in items]
    assert not missing, (
        f"{len(missing)} of {len(expected)} orders that can be booked are not in {table.name}: "
        f"{_list(missing)}. {start.how_it_ended()} {_told(queues.orders)}; {_told(queues.dead)}."
    )
    for booking in expected:
        found = {name: items[booking["order_id"]].get(name) for name in booking}
        assert found == booking, f"There should be a booking {_shown(booking)}; there is {_shown(found)}."
    return items


def _items(table):
    pages = table.meta.client.get_paginator("scan").paginate(TableName=table.name, ConsistentRead=True)
    return {item["order_id"]: item for page in pages for item in page["Items"]}


def _shown(item):
    return json.dumps(item, default=_plain) if item else "gone"


def _plain(value):
    return int(value) if isinstance(value, Decimal) and value == int(value) else repr(value)


def _list(names):
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _counts(queue):
    queue.load()
    return {word: int(queue.attributes[name]) for name, word in COUNTS.items()}


def _told(queue):
    figures = ", ".join(f"{count} {word}" for word, count in _counts(queue).items())
    return f"{_name(queue)} has {figures}"


def _empty(queue):
    return not any(_counts(queue).values())


def _total(*queues):
    return sum(sum(_counts(queue).values()) for queue in queues)


def _altered(queue, expected):
    queue.load()
    found = {name: queue.attributes.get(name) for name in expected}
    return [
        f"{key} of {_name(queue)} was {expected[key]}, is {found[key]}"
        for key in found
        if found[key] != expected[key]
    ]


def _read(queue, clock):
    """Every message of a queue, also those that somebody has just looked at."""
    clock.advance(minutes=1)
    found = []
    while messages := queue.receive_messages(
        MaxNumberOfMessages=10, VisibilityTimeout=30, WaitTimeSeconds=0, AttributeNames=["All"]
    ):
        found += messages
    return found


def _name(queue):
    return queue.url.rsplit("/", 1)[1]
