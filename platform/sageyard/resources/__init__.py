"""The generic engine: resource types declared, not written."""
