"""From load-cell pins to grams."""
