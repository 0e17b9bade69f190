import os

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def customer(customer_id):
    """The customer, or None."""


def order(order_id):
    """The order with its lines, or None."""


def orders_of(customer_id, newest):
    """Overview of the customer's newest orders, as many as `newest` says."""


def orders_between(customer_id, first_day, last_day):
    """Overview of the customer's orders from one day to another, both included."""


def place_order(order):
    """Write a new order with its lines; False if its number is taken."""


if __name__ == "__main__":
    # Create the table and load the export.
    pass
