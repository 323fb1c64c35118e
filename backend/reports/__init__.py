"""Figures for the municipality, and the backend's own health."""
