"""The emulated AWS: front, moto, clock, agenda and trace, in one process with one thread."""
