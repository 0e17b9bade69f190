"""Who may do what: plain data in, a decision with its reason out. No moto, no boto3, no I/O."""
