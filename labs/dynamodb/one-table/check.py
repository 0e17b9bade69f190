import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from cloudkata.checking import hint, needs, points

FILES = ("customers.jsonl", "orders.jsonl", "lines.jsonl")
OVERVIEW = ("order_id", "placed_at", "total_cents")
READS = ("Query", "Scan", "GetItem", "BatchGetItem", "TransactGetItems")
STATEMENTS = ("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction")
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems", *STATEMENTS)
ALL_OR_NOTHING = ("PutItem", "UpdateItem", "TransactWriteItems")
MEGABYTE = 1 << 20


@dataclass
class Export:
    """The records as they were exported."""

    customers: list
    orders: list
    lines: list

    @cached_property
    def customer_ids(self):
        """Who has most orders first, who has none last."""
        counts = Counter(order["customer_id"] for order in self.orders)
        return sorted((c["customer_id"] for c in self.customers), key=lambda c: (-counts[c], c))

    def orders_of(self, customer_id, first_day="", last_day="~"):
        """Newest first."""
        own = [order for order in self.orders if order["customer_id"] == customer_id]
        inside = [order for order in own if first_day <= order["placed_at"][:10] <= last_day]
        return sorted(inside, key=lambda order: order["placed_at"], reverse=True)

    def unused_numbers(self):
        taken = {order["order_id"] for order in self.orders}
        return (f"O-{number}" for number in range(5_000_000, 10_000_000) if f"O-{number}" not in taken)


@dataclass
class Question:
    """One call of a function of the program, and what the right answer consists of."""

    text: str
    lane: str
    items: int
    size: int


ASKED = []
"""Every start of the program after its first; a lane is named by the number of its start."""


@pytest.fixture
def ask(program):
    def ask(function, answer=(), **arguments):
        shown = ", ".join(str(v["order_id"] if isinstance(v, dict) else v) for v in arguments.values())
        size = sum(len(json.dumps(record)) for record in answer)
        question = Question(f"{function}({shown})", f"program#{len(ASKED) + 2}", len(answer), size)
        ASKED.append(question)
        try:
            return program.call(function, **arguments)
        except AssertionError as error:
            why = str(error).partition(") gave ")[2]
            if "ended normally" in why:
                why += " An answer of more than a megabyte is not taken."
            raise AssertionError(f"{question.text} gave {why}") from None

    return ask


@pytest.fixture
def export(aws, inputs):
    s3 = aws.client("s3")
    bodies = [s3.get_object(Bucket=inputs.EXPORT_BUCKET, Key=key)["Body"].read() for key in FILES]
    return read(*bodies)


@lru_cache
def read(*bodies):
    return Export(*([json.loads(record) for record in body.splitlines()] for body in bodies))


@points(1)
@hint("The program reads the export; it has no reason to move, rename or delete it.")
def test_export_is_untouched(aws, inputs, clock):
    """The export is as it was."""
    s3 = aws.client("s3")
    buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert buckets == [inputs.EXPORT_BUCKET], (
        f"There was one bucket, {inputs.EXPORT_BUCKET}; now there are: {', '.join(buckets) or 'none'}."
    )
    found = s3.list_objects_v2(Bucket=inputs.EXPORT_BUCKET).get("Contents", [])
    keys = sorted(thing["Key"] for thing in found)
    assert keys == sorted(FILES), (
        f"The bucket held {', '.join(sorted(FILES))}; now it holds {', '.join(keys) or 'nothing'}."
    )
    written = [thing["Key"] for thing in found if (clock.now - thing["LastModified"]).days < 1]
    assert not written, f"{', '.join(written)} was overwritten: that is no longer the export."


@points(2)
@needs("test_export_is_untouched")
@hint(
    "How many records does one request carry? 2,500 requests for 6,000 records do not allow one each.",
    "A key names one item: whoever writes a second one under it replaces the first. No item is longer than "
    "400 KB.",
    "The SDK can gather the writes: the batch writer of a Table fills batches, and sends again what came "
    "back unprocessed.",
)
def test_one_table_holds_everything(aws, inputs, program, export):
    """The program comes to its end, and one table holds what was exported."""
    assert program.exit_status == 0, f"The export was not loaded to its end. {program.how_it_ended()}"
    dynamodb = aws.client("dynamodb")
    tables = dynamodb.list_tables()["TableNames"]
    assert tables == [inputs.TABLE], (
        f"There should be one table, {inputs.TABLE}; there are: {', '.join(tables) or 'none'}."
    )
    items = dynamodb.describe_table(TableName=inputs.TABLE)["Table"]["ItemCount"]
    assert items >= len(export.customers) + len(export.orders), (
        f"The table holds {items:,} items, but {len(export.customers)} customers and {len(export.orders):,} "
        "orders were exported, besides their lines. Items with the same key replace each other."
    )


@points(1)
@needs("test_one_table_holds_everything")
@hint(
    "Which key does the customer's item have, and can you name all of it from the customer's number?",
    "The function returns what the export held. It is called on its own: a file that is imported runs from top "
    'to bottom, except for what stands under if __name__ == "__main__".',
)
def test_customer(ask, export):
    """customer() finds a customer by number."""
    customer_id = export.customer_ids[5]
    expected = next(record for record in export.customers if record["customer_id"] == customer_id)
    got = ask("customer", [expected], customer_id=customer_id)
    wrong = difference(got, expected)
    assert not wrong, f"customer({customer_id}): {wrong}."


@points(2)
@needs("test_one_table_holds_everything")
@hint(
    "What have an order and its lines in common that could hold them together?",
    "Items with one partition key lie side by side, in order of their sort key. As text, 10 comes before 9.",
    "The SDK hands out numbers as Decimal, which JSON does not know; these are whole numbers.",
)
def test_order_with_its_lines(ask, export):
    """order() returns the longest order with all its lines in order, and None for an unknown number."""
    counts = Counter(line["order_id"] for line in export.lines)
    order_id = max(counts, key=counts.__getitem__)
    head = next(order for order in export.orders if order["order_id"] == order_id)
    lines = [line for line in export.lines if line["order_id"] == order_id]
    got = ask("order", [head, *lines], order_id=order_id)
    wrong = difference_of_order(got, head, lines)
    assert not wrong, f"order({order_id}): {wrong}."
    unknown = next(export.unused_numbers())
    got = ask("order", order_id=unknown)
    assert got is None, f"order({unknown}) should give None: there is no such order. It gave {short(got)}."


@points(2)
@needs("test_one_table_holds_everything")
@hint(
    "Two orders of one second: what in their keys tells them apart?",
    "A sort key can be asked for by range. What is the greatest key that still belongs to the last day?",
    "As text, 2026-03-31T10:00:00Z comes after 2026-03-31: the upper end has to sort behind every time of "
    "that day.",
)
def test_orders_between_two_days(ask, export):
    """orders_between() returns every order of the days asked for, the first and the last included."""
    customer_id = export.customer_ids[2]
    own = export.orders_of(customer_id)
    first_day, last_day = (own[len(own) * part // 4]["placed_at"][:10] for part in (3, 1))
    expected = export.orders_of(customer_id, first_day, last_day)
    got = ask("orders_between", expected, customer_id=customer_id, first_day=first_day, last_day=last_day)
    wrong = difference_of_list(got, expected)
    assert not wrong, f"orders_between({customer_id}, {first_day}, {last_day}): {wrong}."


@points(2)
@needs("test_one_table_holds_everything")
@hint(
    "How much does one read return at most?",
    "After a megabyte an answer ends, and says where it would go on.",
    "As long as there is a LastEvaluatedKey, ask again with it as ExclusiveStartKey.",
)
def test_long_answer_is_complete(ask, export):
    """orders_between() returns all orders of the largest customer, whose records exceed a megabyte."""
    # moto counts whole items even where an index holds less of them: there, pages end earlier than on AWS.
    customer_id = export.customer_ids[0]
    expected = export.orders_of(customer_id)
    first_day, last_day = (expected[end]["placed_at"][:10] for end in (-1, 0))
    got = ask("orders_between", expected, customer_id=customer_id, first_day=first_day, last_day=last_day)
    wrong = difference_of_list(got, expected)
    assert not wrong, f"orders_between({customer_id}, {first_day}, {last_day}): {wrong}."


@points(2)
@needs("test_one_table_holds_everything")
@hint(
    "In which order do the orders of a customer lie, and from which end can they be read?",
    "A query can go backwards through the sort key, and stop after as many items as it is told.",
)
def test_newest_orders(ask, export):
    """orders_of() returns as many of the newest orders as asked for, the newest first."""
    customer_id = export.customer_ids[1]
    own = export.orders_of(customer_id)
    newest = 9 + len(own) % 5
    got = ask("orders_of", own[:newest], customer_id=customer_id, newest=newest)
    wrong = difference_of_list(got, own, newest)
    assert not wrong, f"orders_of({customer_id}, {newest}): {wrong}."


@points(3)
@needs(
    "test_customer",
    "test_order_with_its_lines",
    "test_orders_between_two_days",
    "test_long_answer_is_complete",
    "test_newest_orders",
)
@hint(
    "How many requests does DynamoDB get while one order is shown?",
    "What is asked for together should lie together: under one partition key, of the table or of an index.",
    "One query may return items of several kinds, and an index may repeat whatever a question wants to know.",
)
def test_each_question_is_one_read(trace):
    """No question scans, joins or asks line by line: it is one read, and one more per further megabyte."""
    for question in ASKED:
        calls = trace.of(lane=question.lane)
        strange = [c for c in calls if c.service == "s3" or c.operation in ("Scan", *WRITES)]
        assert not strange, (
            f"{question.text} should be answered by the table's keys alone; it called: {told(strange)}."
        )
        reads = calls.of(*READS)
        # Keys make an item longer than its record: allow a long answer one more page.
        most = 1 if question.size < MEGABYTE else 2 + question.size // MEGABYTE
        assert 1 <= len(reads) <= most, (
            f"{question.text} should take {f'up to {most} reads' if most > 1 else 'one read'} of the table; "
            f"it took {len(reads)}: {told(reads) or 'none'}."
        )


@points(3)
@needs("test_each_question_is_one_read")
@hint(
    "What does DynamoDB do with an item that a filter leaves out?",
    "A filter works after reading: the items were read, counted and paid. Only a condition on the keys keeps "
    "a read short.",
    "Sorting and cutting belong into the read: a direction, and a limit.",
)
def test_nothing_is_read_to_be_thrown_away(trace):
    """No read takes up more items than its question answers with."""
    for question in ASKED:
        queries = trace.of("Query", lane=question.lane)
        scanned = sum(call.result.get("ScannedCount", 0) for call in queries)
        assert scanned <= question.items, (
            f"{question.text} answers with {question.items:,} items; {scanned:,} were read for it by "
            f"{told(queries)}."
        )


@points(2)
@needs("test_order_with_its_lines", "test_newest_orders")
@hint(
    "The new order must lie where the loaded ones lie, so that the same questions find it.",
    "Let loading and placing make their items with the same few lines of code.",
)
def test_placed_order_is_found(aws, inputs, program, ask, export, clock):
    """In a branch with a small export, place_order() writes an order that the other functions then show."""
    branch = open_branch(aws, inputs, program, export)
    order = new_order(branch, inputs, clock)
    order_id, customer_id = order["order_id"], order["customer_id"]
    got = ask("place_order", order=order)
    assert got is True, (
        f"place_order() should return True for the new number {order_id}; it gave {short(got)}."
    )
    got = ask("order", order_id=order_id)
    wrong = difference_of_order(got, without_lines(order), order["lines"])
    assert not wrong, f"After place_order(), order({order_id}): {wrong}."
    own = [without_lines(order), *branch.orders_of(customer_id)]
    got = ask("orders_of", customer_id=customer_id, newest=2)
    wrong = difference_of_list(got, own, 2)
    assert not wrong, f"After place_order(), orders_of({customer_id}, 2): {wrong}."


@points(3)
@needs("test_placed_order_is_found")
@hint(
    "If the program dies between two of its writes, what stays in the table?",
    "A batch is only a parcel of single writes: each may succeed or come back on its own.",
    "DynamoDB has transactions: up to 100 writes of any items, all of them or none.",
)
def test_order_is_placed_whole(trace):
    """place_order() leaves a whole order or nothing: all of it is one write."""
    calls = trace.of(lane=first_placed().lane)
    writes = calls.of(*WRITES)
    assert len(writes) == 1, (
        f"place_order() should write the order at once; it made {len(writes)} writes: {told(writes)}. Ended "
        "between two of them, it leaves part of an order."
    )
    assert writes[0].operation in ALL_OR_NOTHING, (
        "place_order() should be one put, one update or one transaction, which is carried out whole or not at "
        f"all; it made {told(writes)}, of which a part may be carried out."
    )
    scans = calls.of("Scan")
    assert not scans, f"place_order() needs no more than keys; it read through the table: {told(scans)}."


@points(3)
@needs("test_order_is_placed_whole")
@hint(
    "What happens to the order that has the number already?",
    "Between looking and writing somebody else can write. Who could look at the very moment of the write?",
    "A write can carry a condition. An item that is not there has no attributes, not even its key.",
)
def test_taken_number_is_refused(ask, request, aws, inputs, export, clock):
    """place_order() refuses a number that is taken, even one that was free a moment ago."""
    order = new_order(export, inputs, clock)
    taken = next(old for old in export.orders if old["customer_id"] != order["customer_id"])
    lines = [{**line, "order_id": taken["order_id"]} for line in order["lines"]]
    got = ask("place_order", order={**order, "order_id": taken["order_id"], "lines": lines})
    trace = request.getfixturevalue("trace")
    written = [call for call in trace.of(*WRITES, lane=ASKED[-1].lane) if call.ok]
    assert not written, (
        f"Number {taken['order_id']} belongs to an order of {taken['customer_id']}; place_order() wrote over "
        f"it for {order['customer_id']}: {told(written)}."
    )
    assert got is False, (
        f"place_order() should return False: number {taken['order_id']} is taken. It gave {short(got)}."
    )
    # A second till, which looked when the first did, sends the very same write.
    write = next(call for call in trace.of(*WRITES, lane=first_placed().lane) if call.ok)
    parameters = {name: value for name, value in write.parameters.items() if name != "ClientRequestToken"}
    again = getattr(aws.client("dynamodb"), xform_name(write.operation))
    assert refused(again, parameters), (
        f"A second till that also saw {order['order_id']} free made the same write, {write}: it went through, "
        "over the first order. The write itself has to refuse."
    )


def refused(call, parameters):
    try:
        call(**parameters)
    except ClientError:
        return True
    return False


def open_branch(aws, inputs, program, export):
    """Let the program load a small export into a new table, and return that export."""
    customers = export.customer_ids[30:36]
    orders = [order for order in export.orders if order["customer_id"] in customers]
    numbers = {order["order_id"] for order in orders}
    branch = Export(
        [customer for customer in export.customers if customer["customer_id"] in customers],
        orders,
        [line for line in export.lines if line["order_id"] in numbers],
    )
    for key, records in zip(FILES, (branch.customers, branch.orders, branch.lines), strict=True):
        body = "".join(json.dumps(record) + "\n" for record in records)
        aws.client("s3").put_object(Bucket=inputs.EXPORT_BUCKET, Key=key, Body=body.encode())
    aws.client("dynamodb").delete_table(TableName=inputs.TABLE)
    ASKED.append(Question("the branch", f"program#{len(ASKED) + 2}", 0, 0))
    start = program.run()
    assert start.exit_status == 0, (
        f"The branch has an export of {len(orders)} orders and no table yet. {start.how_it_ended()}"
    )
    return branch


def new_order(export, inputs, clock):
    """An order with a number nobody has, by a customer who has others."""
    draw = inputs.random("new order")
    order_id = draw.choice(list(islice(export.unused_numbers(), 100)))
    lines = [
        {
            "order_id": order_id,
            "line": number,
            "sku": f"S{draw.randrange(300):03}",
            "quantity": draw.randint(1, 20),
            "unit_price_cents": draw.randint(50, 40_000),
            "text": "keep dry",
        }
        for number in range(1, draw.randint(12, 16))
    ]
    return {
        "order_id": order_id,
        "customer_id": export.customer_ids[0],
        "placed_at": f"{clock.now:%Y-%m-%dT%H:%M:%SZ}",
        "total_cents": sum(line["quantity"] * line["unit_price_cents"] for line in lines),
        "lines": lines,
    }


def first_placed():
    return next(question for question in ASKED if question.text.startswith("place_order"))


def without_lines(order):
    return {name: value for name, value in order.items() if name != "lines"}


def difference(got, expected):
    """What is wrong with a record, None if nothing."""
    if not isinstance(got, dict):
        return f"an object with {', '.join(expected)} was expected, it gave {short(got)}"
    for name, value in expected.items():
        if got.get(name) != value:
            return f"{name} should be {short(value)}, it is {short(got.get(name))}"
    return None


def difference_of_order(got, head, lines):
    """What is wrong with an order, None if nothing."""
    if wrong := difference(got, head):
        return wrong
    if got.get("note") != head.get("note"):
        return f"nobody left a note, it has one: {short(got['note'])}"
    found = got.get("lines")
    if not isinstance(found, list):
        return f"lines should be a list, it is {short(found)}"
    if len(found) != len(lines):
        return f"it has {len(lines)} lines, {len(found)} were returned"
    for number, (line, expected) in enumerate(zip(found, lines, strict=True), start=1):
        if wrong := difference(line, expected):
            return f"in line {number} of {len(lines)}, {wrong}"
    return None


def difference_of_list(got, expected, most=None):
    """What is wrong with a list of orders, None if nothing; with `most`, as many of the first as that."""
    if not isinstance(got, list) or not all(isinstance(order, dict) for order in got):
        return f"a list of orders was expected, it gave {short(got)}"
    numbers = Counter(str(order.get("order_id")) for order in got)
    known = {order["order_id"]: order for order in expected}
    wanted = min(most or len(expected), len(expected))
    if len(got) != wanted:
        return f"{wanted} orders were expected, {len(got)} were returned{example(expected, numbers)}"
    for order in got:
        if str(order.get("order_id")) not in known:
            return f"{short(order.get('order_id'))} does not belong in the answer"
        right = known[order["order_id"]]
        if wrong := difference(order, {name: right[name] for name in OVERVIEW}):
            return f"of {order['order_id']}, {wrong}"
    twice = [number for number, count in numbers.items() if count > 1]
    if twice:
        return f"{twice[0]} was returned {numbers[twice[0]]} times"
    times = [order["placed_at"] for order in got]
    if times != [order["placed_at"] for order in expected[:wanted]]:
        return (
            f"the newest, of {expected[0]['placed_at']}, should come first, then the one before it; the times "
            f"returned begin {', '.join(times[:3])}"
        )
    return None


def example(expected, numbers):
    """One order that is missing, and whether it shares its second with another."""
    missing = next((order for order in expected if order["order_id"] not in numbers), None)
    if missing is None:
        return ""
    same = [o["order_id"] for o in expected if o["placed_at"] == missing["placed_at"] and o is not missing]
    tie = f", in the same second as {same[0]}" if same else ""
    return f"; missing is {missing['order_id']}, placed at {missing['placed_at']}{tie}"


def told(calls):
    """Calls, counted by operation, with the lines of the program that made them."""
    kinds = Counter((call.operation, call.line) for call in calls)
    return ", ".join(
        f"{count} x {operation}{f' on line {line}' if line else ''}"
        for (operation, line), count in kinds.most_common(4)
    )


def short(value):
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
