"""Sageyard: Amazon SageMaker on your own machine, and it really runs."""

__version__ = "0.1.0"
