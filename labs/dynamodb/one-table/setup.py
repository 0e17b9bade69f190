"""The last export of the old database: three files of JSON lines in a bucket."""

import datetime as dt
import json

CUSTOMERS = 200
WITHOUT_ORDERS = 10
ORDERS = 5000
WITH_LINES = 250  # the newest ones; the lines of older orders were archived long ago
DAYS = 730
PROJECT_LINES = 130
PHRASES = (
    "ring at the side gate", "pallets only", "no tail lift", "call an hour before", "leave with the porter",
    "goods lift to the third floor", "not before nine", "ask for the site office", "keep dry", "two people",
)  # fmt: skip


def setup(aws, inputs, clock):
    draw = inputs.random("export")
    talk = " / ".join(draw.choices(PHRASES, k=1000))
    customers = [_customer(draw, number) for number in sorted(draw.sample(range(1000, 10_000), CUSTOMERS))]
    orders, lines = _orders(draw, talk, [customer["customer_id"] for customer in customers], clock.now)
    s3 = aws.client("s3")
    with clock.ago(days=2):
        s3.create_bucket(Bucket=inputs.EXPORT_BUCKET)
        for name, records in (("customers", customers), ("orders", orders), ("lines", lines)):
            body = "".join(json.dumps(record) + "\n" for record in records)
            s3.put_object(Bucket=inputs.EXPORT_BUCKET, Key=f"{name}.jsonl", Body=body.encode())


def _customer(draw, number):
    name = "".join(draw.choice("bdfgklmnprst") + draw.choice("aeiou") for _ in range(3))
    return {
        "customer_id": f"C-{number}",
        "name": f"{name.title()} {draw.choice(('Ltd', 'GmbH', 'SA', 'Inc'))}",
        "email": f"buying.{number}@{name}.example",
        "city": draw.choice(("Turin", "Ghent", "Porto", "Leeds", "Lyon", "Graz", "Malmo")),
    }


def _orders(draw, talk, customer_ids, now):
    buyers = draw.sample(customer_ids, CUSTOMERS - WITHOUT_ORDERS)
    # Few customers place most of the orders: the first about 800, the last three or four.
    bought = draw.choices(buyers, [1 / rank for rank in range(1, len(buyers) + 1)], k=ORDERS)
    times = _times(draw, bought, now)
    with_lines = set(sorted(range(ORDERS), key=times.__getitem__)[-WITH_LINES:])
    # One order is the fit-out of a whole building: its lines are more than one item can hold.
    project = draw.choice(sorted(with_lines))
    orders, lines = [], []
    for number, order_id in enumerate(sorted(draw.sample(range(10**6, 10**7), ORDERS))):
        order = {
            "order_id": f"O-{order_id}",
            "customer_id": bought[number],
            "placed_at": f"{times[number]:%Y-%m-%dT%H:%M:%SZ}",
            "total_cents": draw.randint(5_000, 2_000_000),
        }
        if number in with_lines:
            own = _lines(draw, talk, order["order_id"], whole_building=number == project)
            order["total_cents"] = sum(line["quantity"] * line["unit_price_cents"] for line in own)
            lines += own
        if bought[number] == buyers[0]:
            order["note"] = _excerpt(draw, talk, 1500)
        orders.append(order)
    return orders, lines


def _times(draw, bought, now):
    """When each order was placed; one in five comes in the same second as the customer's one before."""
    oldest = now.replace(hour=0, minute=0, second=0, microsecond=0) - dt.timedelta(days=DAYS)
    times, last = [], {}
    for buyer in bought:
        if buyer not in last or draw.random() >= 0.2:
            last[buyer] = oldest + dt.timedelta(seconds=draw.randrange(DAYS * 86_400))
        times.append(last[buyer])
    return times


def _lines(draw, talk, order_id, whole_building):
    count = PROJECT_LINES if whole_building else draw.choices((1, 2, 13), (70, 28, 2))[0]
    return [
        {
            "order_id": order_id,
            "line": number,
            "sku": f"S{draw.randrange(300):03}",
            "quantity": draw.randint(1, 20),
            "unit_price_cents": draw.randint(50, 40_000),
            "text": _excerpt(draw, talk, 4000 if whole_building else 20),
        }
        for number in range(1, count + 1)
    ]


def _excerpt(draw, talk, length):
    length = draw.randint(length * 9 // 10, length)
    start = draw.randrange(len(talk) - length)
    return talk[start : start + length].strip(" /")
