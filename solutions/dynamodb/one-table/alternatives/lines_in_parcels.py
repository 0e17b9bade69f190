"""Lines are only read with their order, so they lie in it: fifty to an item, the first fifty in the head.

An order with up to fifty lines is one item, and placing it is one conditional put.
"""

import json
import os
from collections import defaultdict
from decimal import Decimal
from itertools import islice

import boto3
from boto3.dynamodb.conditions import Key
from boto3.dynamodb.types import TypeSerializer

PARCEL = 50
TABLE = os.environ["TABLE"]

dynamodb = boto3.resource("dynamodb")
table = dynamodb.Table(TABLE)


def order_items(order):
    lines = order["lines"]
    yield {"key": order["order_id"], "parcel": 0, **order, "lines": lines[:PARCEL]}
    for start in range(PARCEL, len(lines), PARCEL):
        yield {"key": order["order_id"], "parcel": start, "lines": lines[start : start + PARCEL]}


def customer(customer_id):
    item = table.get_item(Key={"key": customer_id, "parcel": 0}).get("Item")
    return item and plain(item)


def order(order_id):
    found = list(query(KeyConditionExpression=Key("key").eq(order_id)))
    return {**found[0], "lines": [line for parcel in found for line in parcel["lines"]]} if found else None


def orders_of(customer_id, newest):
    condition = Key("customer_id").eq(customer_id)
    found = query(IndexName="times", KeyConditionExpression=condition, ScanIndexForward=False, Limit=newest)
    return list(islice(found, newest))


def orders_between(customer_id, first_day, last_day):
    condition = Key("customer_id").eq(customer_id) & Key("placed_at").between(
        first_day, last_day + "T23:59:59Z"
    )
    return list(query(IndexName="times", KeyConditionExpression=condition, ScanIndexForward=False))


def place_order(order):
    [item] = order_items(order)
    try:
        table.put_item(Item=item, ConditionExpression="attribute_not_exists(parcel)")
    except dynamodb.meta.client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def query(**question):
    while True:
        page = table.query(**question)
        yield from map(plain, page["Items"])
        if not page.get("LastEvaluatedKey"):
            return
        question["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def plain(value):
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items() if name not in ("key", "parcel")}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return int(value) if isinstance(value, Decimal) else value


def records(name):
    body = boto3.client("s3").get_object(Bucket=os.environ["EXPORT_BUCKET"], Key=f"{name}.jsonl")["Body"]
    return [json.loads(record) for record in body.iter_lines()]


def items():
    for customer in records("customers"):
        yield {"key": customer["customer_id"], "parcel": 0, **customer}
    lines = defaultdict(list)
    for line in records("lines"):
        lines[line["order_id"]].append(line)
    for order in records("orders"):
        yield from order_items({**order, "lines": lines[order["order_id"]]})


def write(client, some):
    serialize = TypeSerializer().serialize
    left = {TABLE: [{"PutRequest": {"Item": serialize(item)["M"]}} for item in some]}
    while left:
        left = client.batch_write_item(RequestItems=left)["UnprocessedItems"]


def main():
    client = boto3.client("dynamodb")
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "key", "AttributeType": "S"},
            {"AttributeName": "parcel", "AttributeType": "N"},
            {"AttributeName": "customer_id", "AttributeType": "S"},
            {"AttributeName": "placed_at", "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": "key", "KeyType": "HASH"},
            {"AttributeName": "parcel", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "times",
                "KeySchema": [
                    {"AttributeName": "customer_id", "KeyType": "HASH"},
                    {"AttributeName": "placed_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["order_id", "total_cents"]},
            }
        ],
    )
    client.get_waiter("table_exists").wait(TableName=TABLE)
    everything = iter(items())
    while some := list(islice(everything, 25)):
        write(client, some)


if __name__ == "__main__":
    main()
