"""Kinds of money: what there is, what it may be spent on and exchanged for, and soft limits."""
