"""Data quality analysis for SageMaker Model Monitor: a processing container that knows nothing of the platform."""
