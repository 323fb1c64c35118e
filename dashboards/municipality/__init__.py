"""The town's streams, as they come in."""
