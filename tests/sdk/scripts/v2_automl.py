"""SageMaker SDK v2, unmodified: AutoML's fit and deploy, and a pipeline that registers the best candidate."""

import json
import sys
import time
from pathlib import Path

import sagemaker
from sagemaker.automl.automl import AutoML, AutoMLInput
from sagemaker.deserializers import CSVDeserializer
from sagemaker.serializers import CSVSerializer
from sagemaker.workflow.automl_step import AutoMLStep
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from tabular import csv, rows

folder = Path(sys.argv[1])
session = sagemaker.Session()
role = sagemaker.get_execution_role()
(folder / "data.csv").write_text(csv(rows(600), header=True))
data = session.upload_data(str(folder / "data.csv"), session.default_bucket(), "v2automl")

automl = AutoML(role, "label", output_path=f"s3://{session.default_bucket()}/v2automl/output", max_candidates=2)
automl.fit(data, job_name="v2-automl", logs=False)
report = {"status": automl.describe_auto_ml_job()["AutoMLJobStatus"], "candidates": len(automl.list_candidates())}
best = automl.best_candidate()
report["value"] = best["FinalAutoMLJobObjectiveMetric"]["Value"]
predictor = automl.deploy(
    1, "ml.m5.large", inference_response_keys=["predicted_label", "probability"], endpoint_name="v2-automl",
    predictor_cls=sagemaker.Predictor, serializer=CSVSerializer(), deserializer=CSVDeserializer(),
)  # fmt: skip
asked = list(rows(50, seed=3))
answers = predictor.predict(csv(asked, label=False))
report["right"] = sum(int(answer[0]) == row[0] for answer, row in zip(answers, asked, strict=True)) / len(asked)
report["probabilities"] = [float(answer[1]) for answer in answers]
predictor.delete_endpoint()

steps = PipelineSession()
ensemble = AutoML(
    role, "label", sagemaker_session=steps, mode="ENSEMBLING", max_candidates=1,
    output_path=f"s3://{session.default_bucket()}/v2automl/output",
)  # fmt: skip
search = AutoMLStep("Search", step_args=ensemble.fit(AutoMLInput(data, "label")))
model = search.get_best_auto_ml_model(role, sagemaker_session=steps)
metrics = sagemaker.model_metrics.ModelMetrics(
    model_statistics=sagemaker.model_metrics.MetricsSource(
        "application/json", search.properties.BestCandidateProperties.ModelInsightsJsonReportPath
    )
)
register = ModelStep(
    "Register",
    step_args=model.register(
        content_types=["text/csv"], response_types=["text/csv"], inference_instances=["ml.m5.large"],
        transform_instances=["ml.m5.large"], model_package_group_name="v2-automl", model_metrics=metrics,
    ),
)  # fmt: skip
pipeline = Pipeline("v2-automl", steps=[search, register], sagemaker_session=steps)
pipeline.upsert(role)
execution = pipeline.start()
deadline = time.monotonic() + 120
while (status := execution.describe()["PipelineExecutionStatus"]) == "Executing":
    assert time.monotonic() < deadline, execution.list_steps()
    time.sleep(0.5)
assert status == "Succeeded", execution.list_steps()
report["steps"] = {step["StepName"]: step["StepStatus"] for step in execution.list_steps()}
(package,) = session.sagemaker_client.list_model_packages(ModelPackageGroupName="v2-automl")["ModelPackageSummaryList"]
described = session.sagemaker_client.describe_model_package(ModelPackageName=package["ModelPackageArn"])
report["statistics"] = described["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
report["algorithm"] = described["InferenceSpecification"]["Containers"][0]["Environment"]["MODEL_NAME"]
print("REPORT " + json.dumps(report))
