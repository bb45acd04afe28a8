"""SageMaker SDK v2, unmodified: a model card from a model and a training job; versions, export, history, delete."""

import json
import sys
from pathlib import Path

import boto3
import sagemaker
from sagemaker.model_card import (
    AdditionalInformation,
    BusinessDetails,
    EvaluationJob,
    IntendedUses,
    Metric,
    MetricGroup,
    ModelCard,
    ModelCardStatusEnum,
    ModelOverview,
    RiskRatingEnum,
    TrainingDetails,
)
from sagemaker.model_card.model_card import ModelCardExportJob

folder = Path(sys.argv[1])
ModelCardExportJob.EXPORT_JOB_POLLING_FREQUENCY = 0.2
report = {}
session = sagemaker.Session()
client = session.sagemaker_client
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
name = "v2-card"

image = sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")
(folder / "model.tar.gz").write_bytes(b"not opened here")
model_data = session.upload_data(str(folder / "model.tar.gz"), bucket, "v2card")
client.create_model(
    ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": image, "ModelDataUrl": model_data}
)

overview = ModelOverview.from_model_name(name, sagemaker_session=session, model_description="Says who leaves")
card = ModelCard(
    name=name,
    status=ModelCardStatusEnum.DRAFT,
    model_overview=overview,
    intended_uses=IntendedUses(purpose_of_model="Tests", risk_rating=RiskRatingEnum.LOW),
    business_details=BusinessDetails(business_problem="Churn"),
    training_details=TrainingDetails(training_observations="None"),
    evaluation_details=[
        EvaluationJob(
            name="Holdout",
            metric_groups=[MetricGroup(name="quality", metric_data=[Metric("accuracy", "number", 0.91)])],
        )
    ],
    additional_information=AdditionalInformation(custom_details={"Cost center": "4711"}),
    sagemaker_session=session,
)
report["arn"] = card.create()
report["created"] = card.version
try:
    ModelOverview.from_model_name(name, sagemaker_session=session)
except ValueError as error:
    report["second"] = str(error)

card.additional_information.caveats_and_recommendations = "Retrain often"
card.status = ModelCardStatusEnum.PENDING_REVIEW
report["updated"] = sorted(card.update())
loaded = ModelCard.load(name, sagemaker_session=session)
report["loaded"] = [loaded.version, loaded.status, loaded.intended_uses.risk_rating, loaded.model_overview.model_name]
report["metric"] = loaded.evaluation_details[0].metric_groups[0].metric_data[0].value
report["first"] = ModelCard.load(name, version=1, sagemaker_session=session).version
report["history"] = [entry["ModelCardVersion"] for entry in loaded.get_version_history()]

report["pdf"] = loaded.export_pdf(f"s3://{bucket}/cards", export_job_name="latest")
report["nowhere"] = loaded.export_pdf("s3://no-such-bucket-anywhere/cards", export_job_name="nowhere")
jobs = loaded.list_export_jobs()["ModelCardExportJobSummaries"]
report["jobs"] = sorted((job["ModelCardExportJobName"], job["Status"]) for job in jobs)
key = report["pdf"].removeprefix(f"s3://{bucket}/")
report["begins"] = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read(5).decode()
report["deleted"] = loaded.delete()
print("REPORT " + json.dumps(report))
