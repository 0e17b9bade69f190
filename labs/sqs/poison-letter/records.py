"""The orders, bad messages and earlier bookings of a run."""

import json
from types import SimpleNamespace

BATCH = 10
NAMES = ["Aalto", "Bakker", "Conti", "Duarte", "Eriksen", "Farkas", "Garnier", "Hofer", "Ivanov", "Jansen"]


def night(inputs):
    """What the night left: bodies in order of sending, good orders, earlier bookings, the queue's timing."""
    draw = inputs.random("orders")
    orders = [new_order(draw, number) for number in draw.sample(range(10_000, 100_000), draw.randint(22, 38))]
    bodies = [json.dumps(order) for order in orders]
    # One bad message is in the middle of the dead worker's batch, the other further back.
    bad = [draw.randint(3, 7), draw.randint(BATCH + 3, len(orders) - 4)]
    bodies[bad[0]] = draw.choice((cut_off, without_price))(orders[bad[0]])
    bodies[bad[1]] = json.dumps({**orders[bad[1]], "order_id": None})
    good = [booking_of(order) for place, order in enumerate(orders) if place not in bad]
    old = [new_order(draw, number) for number in draw.sample(range(1_000, 10_000), 5)]
    return SimpleNamespace(
        bodies=bodies,
        bad=[bodies[place] for place in bad],
        good=good,
        booked=[invoiced(booking) for booking in [*map(booking_of, old[:3]), *good[: bad[0]]]],
        dead=[cut_off(order) for order in old[3:]],
        visibility=draw.choice((60, 90, 120)),
        hidden=draw.randint(25, 50),
    )


def new_order(draw, number):
    return {
        "order_id": f"A-{number}",
        "customer": draw.choice(NAMES),
        "quantity": draw.randint(1, 12),
        "price_cents": draw.randint(95, 40_000),
    }


def booking_of(order):
    return {
        "order_id": order["order_id"],
        "customer": order["customer"],
        "total_cents": order["quantity"] * order["price_cents"],
    }


def invoiced(booking):
    return {**booking, "invoice": booking["order_id"].replace("A", "R")}


def cut_off(order):
    return json.dumps(order)[:-9]


def without_price(order):
    return json.dumps({name: value for name, value in order.items() if name != "price_cents"})
