"""Pipelines: definitions of version 2020-12-01, and their executions step by step."""
