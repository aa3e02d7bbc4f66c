"""Measurements of the whole; README.md says of what."""
