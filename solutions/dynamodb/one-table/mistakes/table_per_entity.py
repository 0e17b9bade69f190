"""Fails: test_one_table_holds_everything

One table for customers, one for orders, one for lines, as in the old database, and the join in Python. A
question about an order with its lines takes two reads, and there is no query that could take one.
"""

import json
import os

import boto3
from boto3.dynamodb.conditions import Key

INDEX = "orders-by-customer"
OVERVIEW = ("order_id", "placed_at", "total_cents")

dynamodb = boto3.resource("dynamodb")
table = dynamodb.Table(os.environ["TABLE"])
heads = dynamodb.Table(f"{table.name}-orders")
parts = dynamodb.Table(f"{table.name}-lines")


def customer(customer_id):
    item = table.get_item(Key={"customer_id": customer_id}).get("Item")
    return plain(item) if item else None


def order(order_id):
    head = heads.get_item(Key={"order_id": order_id}).get("Item")
    if head is None:
        return None
    return {**plain(head), "lines": query(parts, KeyConditionExpression=Key("order_id").eq(order_id))}


def orders_of(customer_id, newest):
    page = heads.query(
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
        heads,
        IndexName=INDEX,
        KeyConditionExpression=Key("customer_id").eq(customer_id) & days,
        ScanIndexForward=False,
    )
    return [overview(item) for item in found]


def place_order(order):
    head = {name: value for name, value in order.items() if name != "lines"}
    items = [(heads, head), *((parts, line) for line in order["lines"])]
    unused = "attribute_not_exists(order_id)"
    puts = [{"Put": {"TableName": t.name, "Item": item, "ConditionExpression": unused}} for t, item in items]
    client = dynamodb.meta.client
    try:
        client.transact_write_items(TransactItems=puts)
    except client.exceptions.TransactionCanceledException as error:
        if "ConditionalCheckFailed" in {reason["Code"] for reason in error.response["CancellationReasons"]}:
            return False
        raise
    return True


def query(table, **question):
    """All items of a query, page after page."""
    items = []
    while True:
        page = table.query(**question)
        items += map(plain, page["Items"])
        if "LastEvaluatedKey" not in page:
            return items
        question["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def plain(item):
    return {name: value if isinstance(value, str) else int(value) for name, value in item.items()}


def overview(item):
    record = plain(item)
    return {name: record[name] for name in OVERVIEW}


def create():
    create_table(table, {"customer_id": "S"}, keys("customer_id"))
    create_table(parts, {"order_id": "S", "line": "N"}, keys("order_id", "line"))
    create_table(
        heads,
        {"order_id": "S", "customer_id": "S", "placed_at": "S"},
        keys("order_id"),
        GlobalSecondaryIndexes=[
            {
                "IndexName": INDEX,
                "KeySchema": keys("customer_id", "placed_at"),
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )


def create_table(table, types, schema, **more):
    attributes = [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()]
    dynamodb.create_table(
        TableName=table.name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=attributes,
        KeySchema=schema,
        **more,
    )
    table.wait_until_exists()


def keys(*names):
    return [{"AttributeName": n, "KeyType": kind} for n, kind in zip(names, ("HASH", "RANGE"), strict=False)]


def load():
    bucket = boto3.resource("s3").Bucket(os.environ["EXPORT_BUCKET"])
    for name, target in (("customers", table), ("orders", heads), ("lines", parts)):
        with target.batch_writer() as batch:
            for record in bucket.Object(f"{name}.jsonl").get()["Body"].iter_lines():
                batch.put_item(Item=json.loads(record))


if __name__ == "__main__":
    create()
    load()
