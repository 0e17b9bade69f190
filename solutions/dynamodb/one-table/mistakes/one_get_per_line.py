"""Fails: test_each_question_is_one_read

Read the order, then each of its lines by key: how objects of an ORM are walked through. Every single read is
fast, and the order page makes 131 of them.
"""

import json
import os
from collections import Counter

import boto3
from boto3.dynamodb.conditions import Key

INDEX = "orders-by-customer"
OVERVIEW = ("order_id", "placed_at", "total_cents")

dynamodb = boto3.resource("dynamodb")
table = dynamodb.Table(os.environ["TABLE"])


def customer_item(customer):
    return {"id": customer["customer_id"], "part": 0, **customer}


def order_item(order):
    return {"id": order["order_id"], "part": 0, **order}


def line_item(line):
    return {"id": line["order_id"], "part": line["line"], **line}


def customer(customer_id):
    found = query(KeyConditionExpression=Key("id").eq(customer_id))
    return found[0] if found else None


def order(order_id):
    head = get(order_id, 0)
    if head is None:
        return None
    return {**head, "lines": [get(order_id, number) for number in range(1, head["line_count"] + 1)]}


def get(number, part):
    item = table.get_item(Key={"id": number, "part": part}).get("Item")
    return plain(item) if item else None


def orders_of(customer_id, newest):
    page = table.query(
        IndexName=INDEX,
        KeyConditionExpression=Key("customer_id").eq(customer_id),
        ScanIndexForward=False,
        Limit=newest,
    )
    return [overview(item) for item in page["Items"]]


def orders_between(customer_id, first_day, last_day):
    # "~" sorts behind every time of the last day.
    days = Key("placed_at").between(first_day, f"{last_day}~")
    found = query(
        IndexName=INDEX,
        KeyConditionExpression=Key("customer_id").eq(customer_id) & days,
        ScanIndexForward=False,
    )
    return [overview(item) for item in found]


def place_order(order):
    head = {name: value for name, value in order.items() if name != "lines"} | {
        "line_count": len(order["lines"])
    }
    items = [order_item(head), *map(line_item, order["lines"])]
    puts = [
        {"Put": {"TableName": table.name, "Item": item, "ConditionExpression": "attribute_not_exists(id)"}}
        for item in items
    ]
    client = dynamodb.meta.client
    try:
        client.transact_write_items(TransactItems=puts)
    except client.exceptions.TransactionCanceledException as error:
        if "ConditionalCheckFailed" in {reason["Code"] for reason in error.response["CancellationReasons"]}:
            return False
        raise
    return True


def query(**question):
    """All items of a query, page after page."""
    items = []
    while True:
        page = table.query(**question)
        items += map(plain, page["Items"])
        if "LastEvaluatedKey" not in page:
            return items
        question["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def plain(item):
    """The record as it was exported: without the table's key, with numbers that JSON knows."""
    return {
        name: value if isinstance(value, str) else int(value)
        for name, value in item.items()
        if name not in ("id", "part")
    }


def overview(item):
    record = plain(item)
    return {name: record[name] for name in OVERVIEW}


def create():
    dynamodb.create_table(
        TableName=table.name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "part", "AttributeType": "N"},
            {"AttributeName": "customer_id", "AttributeType": "S"},
            {"AttributeName": "placed_at", "AttributeType": "S"},
        ],
        KeySchema=keys("id", "part"),
        # Keys of an index need not be unique: orders of one second are all in it. Customers and lines
        # have no placed_at and so are not.
        GlobalSecondaryIndexes=[
            {
                "IndexName": INDEX,
                "KeySchema": keys("customer_id", "placed_at"),
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["order_id", "total_cents"]},
            }
        ],
    )
    table.wait_until_exists()


def keys(partition, sort):
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def load():
    counts = Counter(line["order_id"] for line in records("lines"))
    with table.batch_writer() as batch:
        for customer in records("customers"):
            batch.put_item(Item=customer_item(customer))
        for order in records("orders"):
            batch.put_item(Item=order_item({**order, "line_count": counts[order["order_id"]]}))
        for line in records("lines"):
            batch.put_item(Item=line_item(line))


def records(name):
    body = boto3.resource("s3").Object(os.environ["EXPORT_BUCKET"], f"{name}.jsonl").get()["Body"]
    return [json.loads(record) for record in body.iter_lines()]


if __name__ == "__main__":
    create()
    load()
