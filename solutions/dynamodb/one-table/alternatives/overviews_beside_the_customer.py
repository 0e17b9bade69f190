"""No index: a short copy of each order lies beside its customer, written together with the order.

The copies cost a second item per order; in return every read can be a consistent one.
"""

import json
import os
from itertools import islice

import boto3
from boto3.dynamodb.conditions import Key

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
client = table.meta.client


def customer_items(customer):
    yield {"owner": customer["customer_id"], "what": "customer", **customer}


def order_items(order):
    yield {"owner": order["order_id"], "what": "head", "order": order}
    short = {name: order[name] for name in ("order_id", "placed_at", "total_cents")}
    yield {
        "owner": order["customer_id"],
        "what": f"order {order['placed_at']} {order['order_id']}",
        "order": short,
    }


def line_items(line):
    yield {"owner": line["order_id"], "what": f"line {line['line']:03}", **line}


def customer(customer_id):
    found = pages(Key("owner").eq(customer_id) & Key("what").eq("customer"))
    return next((without_keys(item) for item in found), None)


def order(order_id):
    head, *lines = [*pages(Key("owner").eq(order_id))] or [None]
    return head and plain(head["order"]) | {"lines": [without_keys(line) for line in lines]}


def orders_of(customer_id, newest):
    orders = Key("owner").eq(customer_id) & Key("what").begins_with("order ")
    found = pages(orders, ScanIndexForward=False, Limit=newest)
    return [plain(item["order"]) for item in islice(found, newest)]


def orders_between(customer_id, first_day, last_day):
    days = Key("what").between(f"order {first_day}", f"order {last_day}Z")
    found = pages(Key("owner").eq(customer_id) & days, ScanIndexForward=False)
    return [plain(item["order"]) for item in found]


def place_order(order):
    head = {name: value for name, value in order.items() if name != "lines"}
    items = [*order_items(head), *(item for line in order["lines"] for item in line_items(line))]
    unused = "attribute_not_exists(what)"
    puts = [{"Put": {"TableName": table.name, "Item": item, "ConditionExpression": unused}} for item in items]
    try:
        client.transact_write_items(TransactItems=puts)
    except client.exceptions.TransactionCanceledException:
        return False
    return True


def pages(condition, **options):
    """Items of a query one after the other; the next page is asked for when it is needed."""
    page = {"LastEvaluatedKey": None}
    while "LastEvaluatedKey" in page:
        page = table.query(KeyConditionExpression=condition, ConsistentRead=True, **options)
        yield from page["Items"]
        options["ExclusiveStartKey"] = page.get("LastEvaluatedKey")


def without_keys(item):
    return plain({name: value for name, value in item.items() if name not in ("owner", "what")})


def plain(record):
    return {name: value if isinstance(value, str) else int(value) for name, value in record.items()}


if __name__ == "__main__":
    columns = {"owner": "HASH", "what": "RANGE"}
    client.create_table(
        TableName=table.name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in columns],
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in columns.items()],
    )
    table.wait_until_exists()
    s3 = boto3.client("s3")
    with table.batch_writer() as batch:
        for name, items in (("customers", customer_items), ("orders", order_items), ("lines", line_items)):
            export = s3.get_object(Bucket=os.environ["EXPORT_BUCKET"], Key=f"{name}.jsonl")["Body"].read()
            for record in export.splitlines():
                for item in items(json.loads(record)):
                    batch.put_item(Item=item)
