"""cloudkata: practise real AWS API calls without an AWS account."""

__version__ = "0.1.0"
