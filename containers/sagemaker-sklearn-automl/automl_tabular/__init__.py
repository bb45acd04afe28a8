"""Tabular AutoML: what the jobs of an AutoML job do with the data."""
