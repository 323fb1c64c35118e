"""Public figures: the whole village, by the month, in groups that hide everybody."""
