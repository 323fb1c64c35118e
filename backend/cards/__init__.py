"""Cards: known by a keyed hash, printed with a number, issued and blocked at a date."""
