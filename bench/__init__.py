"""Measures how fast the pipeline is, beside others that do the same work (`./enlarger bench`)."""
