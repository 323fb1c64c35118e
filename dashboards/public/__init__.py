"""The start page, open to everybody."""
