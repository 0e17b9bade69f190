"""The last export of the old database: three files of JSON lines in a bucket."""

import datetime as dt
import json

CUSTOMERS = 300
WITHOUT_ORDERS = 12
ORDERS = 5000
DAYS = 730
WORDS = "ring at the side gate pallets only no tail lift call an hour before leave with the porter".split()
STATES = ("open", "packed", "shipped", "shipped", "shipped", "returned")


def setup(aws, inputs, clock):
    draw = inputs.random("export")
    customers = [_customer(draw, number) for number in draw.sample(range(1000, 10_000), CUSTOMERS)]
    orders = _orders(draw, [c["customer_id"] for c in customers[WITHOUT_ORDERS:]], clock.now)
    lines = [line for order in orders for line in order.pop("lines")]
    for records in (customers, orders, lines):
        draw.shuffle(records)
    s3 = aws.client("s3")
    with clock.ago(days=2):
        s3.create_bucket(Bucket=inputs.EXPORT_BUCKET)
        for name, records in (("customers", customers), ("orders", orders), ("lines", lines)):
            body = "".join(json.dumps(record) + "\n" for record in records)
            s3.put_object(Bucket=inputs.EXPORT_BUCKET, Key=f"{name}.jsonl", Body=body.encode())


def _customer(draw, number):
    name = "".join(draw.choice("bdfgklmnprst") + draw.choice("aeiou") for _ in range(3)).title()
    return {
        "customer_id": f"C-{number}",
        "name": f"{name} {draw.choice(('Ltd', 'GmbH', 'SA', 'Inc'))}",
        "email": f"buying.{number}@{name.lower()}.example",
        "city": draw.choice(("Turin", "Ghent", "Porto", "Leeds", "Lyon", "Graz", "Malmo")),
    }


def _orders(draw, customer_ids, now):
    # Few customers place most of the orders: the first about 800, the last a handful.
    weights = [1 / rank for rank in range(1, len(customer_ids) + 1)]
    buyers = draw.choices(customer_ids, weights, k=ORDERS)
    ids = draw.sample(range(10**6, 10**7), ORDERS)
    oldest = now.replace(hour=0, minute=0, second=0, microsecond=0) - dt.timedelta(days=DAYS)
    last = {}
    orders = []
    for buyer, number in zip(buyers, ids, strict=True):
        # One order in eight comes in the same second as another one of the same customer.
        tied = buyer in last and draw.random() < 0.125
        placed_at = last[buyer] if tied else oldest + dt.timedelta(seconds=draw.randrange(DAYS * 86_400))
        last[buyer] = placed_at
        orders.append(_order(draw, f"O-{number}", buyer, placed_at, long_note=buyer == customer_ids[0]))
    # One order is a whole fit-out: its lines come to more than an item can hold.
    project = next(order for order in orders if order["customer_id"] == customer_ids[4])
    project["lines"] = [_line(draw, project["order_id"], n, words=700) for n in range(1, 131)]
    for order in orders:
        order["total_cents"] = sum(line["quantity"] * line["unit_price_cents"] for line in order["lines"])
    return orders


def _order(draw, order_id, customer_id, placed_at, long_note):
    count = draw.choices((1, 2, 3, 13), (60, 28, 10, 2))[0]
    return {
        "order_id": order_id,
        "customer_id": customer_id,
        "placed_at": f"{placed_at:%Y-%m-%dT%H:%M:%SZ}",
        "state": draw.choice(STATES),
        "note": _text(draw, draw.randint(350, 450) if long_note else draw.randint(0, 6)),
        "lines": [_line(draw, order_id, n, words=3) for n in range(1, count + 1)],
    }


def _line(draw, order_id, number, words):
    return {
        "order_id": order_id,
        "line": number,
        "sku": f"S{draw.randrange(10**5):05}",
        "quantity": draw.randint(1, 20),
        "unit_price_cents": draw.randint(50, 40_000),
        "text": _text(draw, words),
    }


def _text(draw, words):
    return " ".join(draw.choices(WORDS, k=words))
