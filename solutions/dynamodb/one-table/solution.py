"""One table: an order and its lines share a partition, an index holds each customer's orders by time."""

import json
import os

import boto3
from boto3.dynamodb.conditions import Key
from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError

INDEX = "orders-by-customer"
OVERVIEW = ("order_id", "placed_at", "state", "total_cents")
LINE = ("line", "sku", "quantity", "unit_price_cents", "text")

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def customer_item(customer):
    return {"pk": f"customer#{customer['customer_id']}", "sk": "customer", **customer}


def order_item(order):
    # The number after the second keeps two orders of the same second apart.
    placed = f"{order['placed_at']}#{order['order_id']}"
    return {"pk": f"order#{order['order_id']}", "sk": "head", "placed": placed, **order}


def line_item(line):
    # Padded, because text sorts "10" before "9"; "head" sorts before every "line".
    return {"pk": f"order#{line['order_id']}", "sk": f"line#{line['line']:05}", **line}


def customer(customer_id):
    found = query(Key("pk").eq(f"customer#{customer_id}"))
    return plain(found[0], ("customer_id", "name", "email", "city")) if found else None


def orders_of(customer_id, newest):
    found = query(Key("customer_id").eq(customer_id), newest, IndexName=INDEX, ScanIndexForward=False)
    return [plain(order, OVERVIEW) for order in found]


def orders_between(customer_id, first_day, last_day):
    # "~" sorts after everything that can follow a day, so the last day counts whole.
    key = Key("customer_id").eq(customer_id) & Key("placed").between(first_day, f"{last_day}~")
    return [plain(order, OVERVIEW) for order in query(key, IndexName=INDEX, ScanIndexForward=False)]


def order(order_id):
    found = query(Key("pk").eq(f"order#{order_id}"))
    if not found:
        return None
    head, *lines = found
    return plain(head, ("customer_id", "note", *OVERVIEW)) | {"lines": [plain(line, LINE) for line in lines]}


def place_order(order):
    lines = [{"order_id": order["order_id"], **line} for line in order["lines"]]
    head = {name: value for name, value in order.items() if name != "lines"}
    items = [order_item(head), *map(line_item, lines)]
    serialize = TypeSerializer().serialize
    puts = [
        {
            "Put": {
                "TableName": table.name,
                "Item": serialize(item)["M"],
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }
        for item in items
    ]
    try:
        boto3.client("dynamodb").transact_write_items(TransactItems=puts)
    except ClientError as error:
        reasons = error.response.get("CancellationReasons", [])
        if any(reason["Code"] == "ConditionalCheckFailed" for reason in reasons):
            return False
        raise
    return True


def query(key, most=None, **options):
    """The items of a query, page after page; never more than `most`."""
    if most:
        options["Limit"] = most
    items = []
    while True:
        page = table.query(KeyConditionExpression=key, **options)
        items += page["Items"]
        if "LastEvaluatedKey" not in page or (most and len(items) >= most):
            return items
        options["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def plain(item, names):
    """These attributes, with numbers that JSON can hold."""
    return {name: item[name] if isinstance(item[name], str) else int(item[name]) for name in names}


def create():
    boto3.client("dynamodb").create_table(
        TableName=table.name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "customer_id", "placed")
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": INDEX,
                "KeySchema": [
                    {"AttributeName": "customer_id", "KeyType": "HASH"},
                    {"AttributeName": "placed", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    table.wait_until_exists()


def load():
    bucket = boto3.resource("s3").Bucket(os.environ["EXPORT_BUCKET"])
    items = {"customers": customer_item, "orders": order_item, "lines": line_item}
    with table.batch_writer() as batch:
        for name, item in items.items():
            for record in bucket.Object(f"{name}.jsonl").get()["Body"].iter_lines():
                batch.put_item(Item=item(json.loads(record)))


if __name__ == "__main__":
    create()
    load()
