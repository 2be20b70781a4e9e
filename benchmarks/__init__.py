"""Measurements of speed with accuracy beside it; run by hand, never as tests."""
