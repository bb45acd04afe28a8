"""Endpoints: deployments, fleets of containers, the invocation router and data capture."""
