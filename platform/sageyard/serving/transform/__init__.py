"""Batch transform: a model's containers over every record of some objects."""
