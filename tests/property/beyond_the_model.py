"""What some Creates must have beyond their model's required members: rules between members, told only in prose."""

from typing import Any

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/nobody-knows:1"  # a job of it fails at once
BATCH_INPUT = {
    "DataCapturedDestinationS3Uri": "s3://nowhere/captured",
    "DatasetFormat": {"Csv": {"Header": True}},
    "LocalPath": "/opt/ml/processing/input",
}
TABLE = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://nowhere/table"}}
ACCEPTED: dict[str, dict[str, Any]] = {
    "CreateAutoMLJob": {"InputDataConfig": [{"DataSource": TABLE, "TargetAttributeName": "y"}]},
    "CreateAutoMLJobV2": {
        "AutoMLJobInputDataConfig": [{"DataSource": TABLE}],
        "AutoMLProblemTypeConfig": {"TabularJobConfig": {"TargetAttributeName": "y"}},
    },
    "CreateDataQualityJobDefinition": {"DataQualityJobInput": {"BatchTransformInput": BATCH_INPUT}},
    "CreateModel": {"PrimaryContainer": {"Image": IMAGE}},
    "CreateProcessingJob": {
        "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}}
    },
    "CreateTrainingJob": {
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://nowhere/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    },
}
"""By operation, members that it accepts."""
