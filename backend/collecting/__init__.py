"""Collecting: what trucks and the facility weighed, and whether it agrees with the bins."""
