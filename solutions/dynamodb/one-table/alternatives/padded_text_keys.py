"""Keys of text with what they mean written in front, an index of its own, and the client with paginators."""

import json
import os

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

TABLE = os.environ["TABLE"]
KEYS = ("pk", "sk", "gpk", "gsk")

dynamodb = boto3.client("dynamodb")


def customer(customer_id):
    key = {"pk": {"S": f"CUSTOMER#{customer_id}"}, "sk": {"S": "PROFILE"}}
    item = dynamodb.get_item(TableName=TABLE, Key=key, ConsistentRead=True).get("Item")
    return read(item) if item else None


def order(order_id):
    head, *lines = asked("pk = :pk", {":pk": f"ORDER#{order_id}"}, ConsistentRead=True) or [None]
    return head and {**head, "lines": lines}


def orders_of(customer_id, newest):
    values = {":c": f"CUSTOMER#{customer_id}"}
    config = {"MaxItems": newest, "PageSize": newest}
    return asked("gpk = :c", values, IndexName="gsi1", ScanIndexForward=False, PaginationConfig=config)


def orders_between(customer_id, first_day, last_day):
    values = {":c": f"CUSTOMER#{customer_id}", ":first": first_day, ":last": f"{last_day}T99"}
    between = "gpk = :c AND gsk BETWEEN :first AND :last"
    found = asked(between, values, IndexName="gsi1")
    return [{name: order[name] for name in ("order_id", "placed_at", "total_cents")} for order in found[::-1]]


def place_order(order):
    items = [head_item({name: order[name] for name in order if name != "lines"})]
    items += [line_item(line) for line in order["lines"]]
    # The head alone decides whether the number is taken.
    conditions = [{"ConditionExpression": "attribute_not_exists(pk)"}] + [{}] * len(order["lines"])
    puts = [
        {"Put": {"TableName": TABLE, "Item": item, **condition}}
        for item, condition in zip(items, conditions, strict=True)
    ]
    try:
        dynamodb.transact_write_items(TransactItems=puts)
    except ClientError as error:
        if error.response["Error"]["Code"] != "TransactionCanceledException":
            raise
        return False
    return True


def asked(condition, values, **options):
    pages = dynamodb.get_paginator("query").paginate(
        TableName=TABLE,
        KeyConditionExpression=condition,
        ExpressionAttributeValues={name: {"S": value} for name, value in values.items()},
        **options,
    )
    return [read(item) for page in pages for item in page["Items"]]


def read(item):
    values = {name: TypeDeserializer().deserialize(value) for name, value in item.items()}
    return {n: v if isinstance(v, str) else int(v) for n, v in values.items() if n not in KEYS}


def written(item):
    return TypeSerializer().serialize(item)["M"]


def customer_item(customer):
    return written({"pk": f"CUSTOMER#{customer['customer_id']}", "sk": "PROFILE", **customer})


def head_item(order):
    return written(
        {
            "pk": f"ORDER#{order['order_id']}",
            "sk": "HEAD",
            "gpk": f"CUSTOMER#{order['customer_id']}",
            "gsk": f"{order['placed_at']}#{order['order_id']}",
            **order,
        }
    )


def line_item(line):
    return written({"pk": f"ORDER#{line['order_id']}", "sk": f"LINE#{line['line']:05d}", **line})


def main():
    attributes = [{"AttributeName": name, "AttributeType": "S"} for name in KEYS]
    table_keys, index_keys = (
        [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]
        for partition, sort in (KEYS[:2], KEYS[2:])
    )
    dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=attributes,
        KeySchema=table_keys,
        GlobalSecondaryIndexes=[
            {"IndexName": "gsi1", "KeySchema": index_keys, "Projection": {"ProjectionType": "ALL"}}
        ],
    )
    dynamodb.get_waiter("table_exists").wait(TableName=TABLE)
    for name, make in (("lines", line_item), ("customers", customer_item), ("orders", head_item)):
        body = boto3.client("s3").get_object(Bucket=os.environ["EXPORT_BUCKET"], Key=f"{name}.jsonl")["Body"]
        items = [make(json.loads(record)) for record in body.read().splitlines()]
        for start in range(0, len(items), 25):
            waiting = {TABLE: [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]}
            while waiting:
                waiting = dynamodb.batch_write_item(RequestItems=waiting).get("UnprocessedItems")


if __name__ == "__main__":
    main()
