"""SageMaker Clarify: a processing container for bias metrics and explanations that knows nothing of the platform."""
