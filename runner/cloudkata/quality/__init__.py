"""Proving that a lab's checker is right."""
