"""Training and processing jobs on top of a runner: SageMaker's side of the container contract."""
