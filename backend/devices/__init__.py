"""Devices: their keys, the points where they stand, the journals they keep."""
