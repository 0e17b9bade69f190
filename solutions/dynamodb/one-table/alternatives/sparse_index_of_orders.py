"""Lines numbered behind their order, overviews from a sparse index; written from the task alone."""

import json
import os
import random
import time
from decimal import Decimal

import boto3
from boto3.dynamodb.conditions import Key

# pk            sk     what
# C#<customer>  0      the customer
# O#<order>     0      the order
# O#<order>     1..n   its lines
#
# Index by-customer (customer_id, placed_at) holds the orders only: neither customers nor lines
# have both of its keys.  It holds no more of an order than the overview shows.

INDEX = "by-customer"

dynamodb = boto3.resource("dynamodb")
table = dynamodb.Table(os.environ["TABLE"])


def _plain(item):
    return {
        name: int(value) if isinstance(value, Decimal) else value
        for name, value in item.items()
        if name not in ("pk", "sk")
    }


def _customer_item(record):
    return {"pk": "C#" + record["customer_id"], "sk": 0, **record}


def _order_item(record):
    return {"pk": "O#" + record["order_id"], "sk": 0, **record}


def _line_item(record):
    return {"pk": "O#" + record["order_id"], "sk": record["line"], **record}


def _query(limit=None, **arguments):
    items = []
    while True:
        if limit is not None:
            arguments["Limit"] = limit - len(items)
        page = table.query(**arguments)
        items += page["Items"]
        if "LastEvaluatedKey" not in page or (limit is not None and len(items) >= limit):
            return items
        arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _overview(items):
    return [
        {
            "order_id": item["order_id"],
            "placed_at": item["placed_at"],
            "total_cents": int(item["total_cents"]),
        }
        for item in items
    ]


def customer(customer_id):
    """The customer, or None."""
    item = table.get_item(Key={"pk": "C#" + customer_id, "sk": 0}, ConsistentRead=True).get("Item")
    return _plain(item) if item else None


def order(order_id):
    """The order with its lines, or None."""
    items = _query(KeyConditionExpression=Key("pk").eq("O#" + order_id), ConsistentRead=True)
    if not items or items[0]["sk"] != 0:
        return None
    return {**_plain(items[0]), "lines": [_plain(item) for item in items[1:]]}


def orders_of(customer_id, newest):
    """Overview of the customer's newest orders, as many as `newest` says."""
    if newest < 1:
        return []
    return _overview(
        _query(
            limit=newest,
            IndexName=INDEX,
            KeyConditionExpression=Key("customer_id").eq(customer_id),
            ScanIndexForward=False,
        )
    )


def orders_between(customer_id, first_day, last_day):
    """Overview of the customer's orders from one day to another, both included."""
    if first_day > last_day:
        return []
    return _overview(
        _query(
            IndexName=INDEX,
            KeyConditionExpression=Key("customer_id").eq(customer_id)
            & Key("placed_at").between(first_day, last_day + "T23:59:59Z"),
            ScanIndexForward=False,
        )
    )


def place_order(order):
    """Write a new order with its lines; False if its number is taken."""
    header = {name: value for name, value in order.items() if name != "lines"}
    puts = [
        {
            "Put": {
                "TableName": table.name,
                "Item": _order_item(header),
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }
    ]
    for line in order.get("lines", []):
        puts.append({"Put": {"TableName": table.name, "Item": _line_item(line)}})
    client = dynamodb.meta.client
    for attempt in range(10):
        try:
            client.transact_write_items(TransactItems=puts)
            return True
        except client.exceptions.TransactionCanceledException as error:
            reasons = [r.get("Code") for r in error.response.get("CancellationReasons", [])]
            if "ConditionalCheckFailed" in reasons:
                return False
            if "TransactionConflict" not in reasons:
                raise
            time.sleep(random.uniform(0, 0.05 * 2**attempt))
    raise RuntimeError(f"Order {order['order_id']} could not be placed: somebody is always faster.")


def _create():
    dynamodb.create_table(
        TableName=table.name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "N"},
            {"AttributeName": "customer_id", "AttributeType": "S"},
            {"AttributeName": "placed_at", "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": INDEX,
                "KeySchema": [
                    {"AttributeName": "customer_id", "KeyType": "HASH"},
                    {"AttributeName": "placed_at", "KeyType": "RANGE"},
                ],
                "Projection": {
                    "ProjectionType": "INCLUDE",
                    "NonKeyAttributes": ["order_id", "total_cents"],
                },
            }
        ],
    )
    table.wait_until_exists()


def _records(key):
    body = boto3.client("s3").get_object(Bucket=os.environ["EXPORT_BUCKET"], Key=key)["Body"].read()
    for row in body.split(b"\n"):
        if row.strip():
            yield json.loads(row)


def _load():
    with table.batch_writer() as batch:
        for record in _records("customers.jsonl"):
            batch.put_item(Item=_customer_item(record))
        for record in _records("orders.jsonl"):
            batch.put_item(Item=_order_item(record))
        for record in _records("lines.jsonl"):
            batch.put_item(Item=_line_item(record))


if __name__ == "__main__":
    _create()
    _load()
