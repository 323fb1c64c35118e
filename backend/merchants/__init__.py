"""Merchants: who accepts credit, what they promised, and payments at them."""
