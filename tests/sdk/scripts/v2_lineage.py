"""SageMaker SDK v2, unmodified: train, register and deploy, then ask the SDK's lineage classes where it came from."""

import json
import sys
from pathlib import Path

import sagemaker
from sagemaker.inputs import TrainingInput
from sagemaker.lineage.artifact import Artifact, DatasetArtifact, ModelArtifact
from sagemaker.lineage.context import Context, EndpointContext
from sagemaker.lineage.query import (
    LineageEntityEnum,
    LineageFilter,
    LineageQuery,
    LineageQueryDirectionEnum,
    LineageSourceEnum,
)
from sagemaker.lineage.visualizer import LineageTableVisualizer
from sagemaker.model import Model
from tabular import csv, rows

folder = Path(sys.argv[1])
(folder / "train.csv").write_text(csv(rows(200, 3)))
report = {}
session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
image = sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")
estimator = sagemaker.estimator.Estimator(
    image, role, instance_count=1, instance_type="ml.m5.large",
    hyperparameters={"objective": "binary:logistic", "num_round": 5},
)  # fmt: skip
train = session.upload_data(str(folder / "train.csv"), bucket, "v2lineage")
estimator.fit({"train": TrainingInput(train, content_type="text/csv")}, job_name="v2-lineage-job")
model = Model(image_uri=image, model_data=estimator.model_data, role=role, sagemaker_session=session)
package = model.register(
    model_package_group_name="v2-lineage",
    content_types=["text/csv"], response_types=["text/csv"],
    inference_instances=["ml.m5.large"], transform_instances=["ml.m5.large"],
    approval_status="Approved",
)  # fmt: skip
package.deploy(initial_instance_count=1, instance_type="ml.m5.large", endpoint_name="v2-lineage")
endpoint_arn = session.sagemaker_client.describe_endpoint(EndpointName="v2-lineage")["EndpointArn"]
start = next(iter(Context.list(source_uri=endpoint_arn, sagemaker_session=session)))
context = EndpointContext.load(start.context_name, sagemaker_session=session)

report["train"], report["model_data"], report["package"] = train, estimator.model_data, package.model_package_arn
report["datasets"] = [one.source.source_uri for one in context.dataset_artifacts()]
report["jobs"] = context.training_job_arns()
report["components"] = [one.trial_component_name for one in context.trial_components()]
report["actions"] = sorted(one.action_type for one in context.actions(LineageQueryDirectionEnum.ASCENDANTS))
models = LineageQuery(session).query(
    start_arns=[context.context_arn],
    query_filter=LineageFilter(entities=[LineageEntityEnum.ARTIFACT], sources=[LineageSourceEnum.MODEL]),
    direction=LineageQueryDirectionEnum.ASCENDANTS,
    include_edges=False,
)
found = [vertex.to_lineage_object() for vertex in models.vertices]
report["model_classes"] = sorted({type(one).__name__ for one in found})
report["models"] = sorted(one.source.source_uri for one in found)

summary = next(iter(Artifact.list(source_uri=estimator.model_data, sagemaker_session=session)))
artifact = ModelArtifact.load(summary.artifact_arn, sagemaker_session=session)
report["model_jobs"] = artifact.training_job_arns()
report["model_endpoints"] = [one.source.source_uri for one in artifact.endpoint_contexts()]
summary = next(iter(Artifact.list(source_uri=train, sagemaker_session=session)))
data = DatasetArtifact.load(summary.artifact_arn, sagemaker_session=session)
report["data_endpoints"] = [one.source.source_uri for one in data.endpoint_contexts()]

visualizer = LineageTableVisualizer(session)
columns = ["Direction", "Type", "Association Type", "Lineage Type"]


def table(**shown):
    return sorted(visualizer.show(**shown)[columns].values.tolist())


report["job_table"] = table(training_job_name="v2-lineage-job")
report["package_table"] = table(model_package_arn=package.model_package_arn)
report["endpoint_table"] = table(endpoint_arn=endpoint_arn)
session.sagemaker_client.delete_endpoint(EndpointName="v2-lineage")
print("REPORT " + json.dumps(report))
