"""AWS protocols, interpreted from botocore's service models; knows no SageMaker."""
