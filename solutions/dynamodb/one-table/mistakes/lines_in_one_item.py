"""Fails: test_one_table_holds_everything

An order is a document, so its lines go into it as a list. That is fine until the first order whose lines
exceed the 400 KB an item may have: it cannot be written at all.
"""

import json
import os
from collections import defaultdict

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


def customer(customer_id):
    found = query(KeyConditionExpression=Key("id").eq(customer_id))
    return found[0] if found else None


def order(order_id):
    found = query(KeyConditionExpression=Key("id").eq(order_id))
    return found[0] if found else None


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
    items = [order_item(order)]
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
    return {name: whole(value) for name, value in item.items() if name not in ("id", "part")}


def whole(value):
    if isinstance(value, list):
        return [plain(line) for line in value]
    return value if isinstance(value, str) else int(value)


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
    lines = defaultdict(list)
    for line in records("lines"):
        lines[line["order_id"]].append(line)
    with table.batch_writer() as batch:
        for customer in records("customers"):
            batch.put_item(Item=customer_item(customer))
        for order in records("orders"):
            batch.put_item(Item=order_item({**order, "lines": lines[order["order_id"]]}))


def records(name):
    body = boto3.resource("s3").Object(os.environ["EXPORT_BUCKET"], f"{name}.jsonl").get()["Body"]
    return [json.loads(record) for record in body.iter_lines()]


if __name__ == "__main__":
    create()
    load()
