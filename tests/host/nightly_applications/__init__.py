"""Tests of applications of size."""
