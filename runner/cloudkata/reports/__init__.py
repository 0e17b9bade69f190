"""A grade, rendered: one module per output."""
