"""What the framework images share: SageMaker's training contract and its inference contract."""
