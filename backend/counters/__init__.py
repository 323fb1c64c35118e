"""Counters: where things are handed over, and the close of their days."""
