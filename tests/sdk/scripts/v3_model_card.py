"""SageMaker SDK v3, unmodified: a model card, its versions and an export, as resources."""

import json

from sagemaker.core.helper.session_helper import Session
from sagemaker.core.resources import ModelCard, ModelCardExportJob
from sagemaker.core.shapes import ModelCardExportOutputConfig

report = {}
session = Session()
bucket = session.default_bucket()
name = "v3-card"

card = ModelCard.create(model_card_name=name, content="{}", model_card_status="Draft")
report["created"] = [card.model_card_version, card.model_card_status]
card.update(content=json.dumps({"business_details": {"line_of_business": "Telecom"}}))
card.update(model_card_status="Approved")
card = ModelCard.get(model_card_name=name)
report["updated"] = [card.model_card_version, card.model_card_status, json.loads(card.content)]
report["first"] = ModelCard.get(model_card_name=name, model_card_version=1).content
report["history"] = [version.model_card_version for version in card.get_all_versions()]

output = ModelCardExportOutputConfig(s3_output_path=f"s3://{bucket}/cards")
job = ModelCardExportJob.create(model_card_name=name, model_card_export_job_name="latest", output_config=output)
job.wait(poll=1)
report["export"] = job.status
report["pdf"] = job.export_artifacts.s3_export_artifacts
report["jobs"] = [item.model_card_export_job_name for item in ModelCardExportJob.get_all(model_card_name=name)]
card.delete()
report["left"] = [item.model_card_name for item in ModelCard.get_all(name_contains=name)]
print("REPORT " + json.dumps(report))
