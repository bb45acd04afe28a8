"""Hyperparameter tuning: training jobs, each with values that a strategy chooses."""
