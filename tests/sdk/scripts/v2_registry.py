"""SageMaker SDK v2, unmodified: register a trained model, approve the version, deploy it from the registry."""

import json
import sys
from pathlib import Path

import sagemaker
from sagemaker.deserializers import CSVDeserializer
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model, ModelPackage
from sagemaker.serializers import CSVSerializer
from tabular import csv, rows

folder = Path(sys.argv[1])
(folder / "train.csv").write_text(csv(rows(300, 3)))
report = {}
session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
client = session.sagemaker_client
group = "v2-registry"

image = sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")
estimator = sagemaker.estimator.Estimator(
    image,
    role,
    instance_count=1,
    instance_type="ml.m5.large",
    hyperparameters={"objective": "binary:logistic", "num_round": 20},
)
train = session.upload_data(str(folder / "train.csv"), bucket, "v2registry")
estimator.fit({"train": TrainingInput(train, content_type="text/csv")})

model = Model(image_uri=image, model_data=estimator.model_data, role=role, sagemaker_session=session)
versions = []
for description in ("first", "second"):
    package = model.register(
        model_package_group_name=group,
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=["ml.m5.large"],
        transform_instances=["ml.m5.large"],
        approval_status="PendingManualApproval",
        description=description,
        customer_metadata_properties={"trained": "yes"},
    )
    versions.append(package.model_package_arn)
report["versions"] = versions
package.update_approval_status("Approved", approval_description="good enough")
package.update_customer_metadata({"owner": "risk"})
described = client.describe_model_package(ModelPackageName=versions[1])
report["approval"] = [described["ModelApprovalStatus"], described["ApprovalDescription"]]
report["metadata"] = described["CustomerMetadataProperties"]
approved = client.list_model_packages(ModelPackageGroupName=group, ModelApprovalStatus="Approved")
report["approved"] = [entry["ModelPackageArn"] for entry in approved["ModelPackageSummaryList"]]

registered = ModelPackage(role=role, model_package_arn=report["approved"][0], sagemaker_session=session)
registered.deploy(initial_instance_count=1, instance_type="ml.m5.large", endpoint_name="v2-registry")
predictor = sagemaker.predictor.Predictor("v2-registry", session, CSVSerializer(), CSVDeserializer())
test = list(rows(200, 9))
answers = [float(value) for row in predictor.predict([row[1:] for row in test]) for value in row]
right = sum((answer > 0.5) == bool(row[0]) for answer, row in zip(answers, test, strict=True))
report["accuracy"] = right / len(test)
predictor.delete_endpoint()
print("REPORT " + json.dumps(report))
