"""The rest of AWS behind Sageyard's one URL: S3 and Logs of our own, everything else moto, all of it durable.

Importing this package imports neither moto nor botocore: the server starts without them, and moto is loaded when the
first request for one of its services arrives.
"""

from sageyard.aws.cloud_services import open_cloud
from sageyard.aws.mount import AwsMount

__all__ = ["AwsMount", "open_cloud"]
