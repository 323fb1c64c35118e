"""Tariffs: dated versions of credit per kilogram, in force once two people have approved."""
