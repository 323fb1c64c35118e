"""What is wrong with devices, and how each is: ok, attention, stale, offline, never seen."""
