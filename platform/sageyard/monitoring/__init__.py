"""Monitoring schedules and their executions: when an analysis runs, on which captures, and how it ended."""
