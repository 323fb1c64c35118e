"""The desk where credits become compost."""
