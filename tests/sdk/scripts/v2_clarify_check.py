"""SageMaker SDK v2, unmodified: a pipeline that checks the bias of data and of a model, and what it depends on."""

import io
import json
import sys
import tarfile
from pathlib import Path

import sagemaker
from applicants import HEADERS, rows
from sagemaker import image_uris
from sagemaker.clarify import BiasConfig, DataConfig, ModelConfig, ModelPredictedLabelConfig, SHAPConfig
from sagemaker.workflow.check_job_config import CheckJobConfig
from sagemaker.workflow.clarify_check_step import (
    ClarifyCheckStep,
    DataBiasCheckConfig,
    ModelBiasCheckConfig,
    ModelExplainabilityCheckConfig,
)
from sagemaker.workflow.parameters import ParameterBoolean, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession

INCOME = """
def model_fn(folder):
    return None


def predict_fn(rows, model):
    return (rows[:, 2] > 50) * 0.8
"""
folder = Path(sys.argv[1])
report = {}
session = PipelineSession()
client = session.sagemaker_client
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
place = f"s3://{bucket}/checks"

with tarfile.open(folder / "model.tar.gz", "w:gz") as tar:
    info = tarfile.TarInfo("code/work.py")
    info.size = len(INCOME)
    tar.addfile(info, io.BytesIO(INCOME.encode()))
(folder / "before.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in rows(300, 1)))
(folder / "now.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in rows(300, 2, gap=15)))
for name, key in (("model.tar.gz", "checks"), ("before.csv", "checks/before"), ("now.csv", "checks/now")):
    session.upload_data(str(folder / name), bucket, key)
client.create_model(
    ModelName="checked",
    ExecutionRoleArn=role,
    PrimaryContainer={
        "Image": image_uris.retrieve("sklearn", session.boto_region_name, "1.2-1", instance_type="ml.m5.large"),
        "ModelDataUrl": f"{place}/model.tar.gz",
        "Environment": {"SAGEMAKER_PROGRAM": "work.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"},
    },
)

data = ParameterString("Data", f"{place}/before/before.csv")
skip = ParameterBoolean("Skip", default_value=True)
register = ParameterBoolean("Register", default_value=True)
fail = ParameterBoolean("FailOnViolation", default_value=False)
model = ParameterString("Model", "checked")
supplied = {name: ParameterString(name, f"{place}/none") for name in ("DataBias", "ModelBias", "Attributions")}
job = CheckJobConfig(role=role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session)
women = BiasConfig(label_values_or_threshold=[1], facet_name="sex", facet_values_or_threshold=[0], group_name="region")
asked = ModelConfig(model_name=model, instance_count=1, instance_type="ml.m5.large", accept_type="text/csv")


def read(name):
    return DataConfig(
        s3_data_input_path=data,
        s3_output_path=f"{place}/{name}",
        s3_analysis_config_output_path=f"{place}/configurations/{name}",
        label="approved",
        headers=HEADERS,
        dataset_type="text/csv",
    )


configs = {
    "DataBias": DataBiasCheckConfig(read("DataBias"), women, methods=["CI", "DPL"]),
    "ModelBias": ModelBiasCheckConfig(
        read("ModelBias"), women, asked, ModelPredictedLabelConfig(probability_threshold=0.5), methods=["DPPL", "DI"]
    ),
    "Attributions": ModelExplainabilityCheckConfig(
        read("Attributions"), asked, SHAPConfig(baseline=[[1, 49, 50, 1]], num_samples=20, agg_method="mean_abs")
    ),
}
steps = [
    ClarifyCheckStep(
        name=name,
        clarify_check_config=config,
        check_job_config=job,
        skip_check=skip,
        register_new_baseline=register,
        fail_on_violation=fail,
        model_package_group_name="checked-models",
        supplied_baseline_constraints=supplied[name],
    )
    for name, config in configs.items()
]
pipeline = Pipeline(
    "clarify-checks", parameters=[data, skip, register, fail, model, *supplied.values()], steps=steps,
    sagemaker_session=session,
)  # fmt: skip
pipeline.create(role)


def run(**parameters):
    """Start the pipeline; status and failure of each step with the metadata of its check."""
    execution = pipeline.start(parameters=parameters)
    try:
        execution.wait(delay=1, max_attempts=120)
    except Exception as error:  # a WaiterError, once a step fails
        print("the execution failed:", error)
    return {
        step["StepName"]: {
            "status": step["StepStatus"],
            "reason": step.get("FailureReason", ""),
            "metadata": step["Metadata"]["ClarifyCheck"],
        }
        for step in execution.list_steps()
    }


first = run()
report["first"] = first
baselines = {name: found["metadata"]["CalculatedBaselineConstraints"] for name, found in first.items()}
kept = {}
for name, uri in baselines.items():  # the next execution writes to the same place
    kept[name] = f"{place}/kept/{name}/analysis.json"
    source = {"Bucket": bucket, "Key": uri.partition(f"{bucket}/")[2]}
    session.boto_session.client("s3").copy_object(
        Bucket=bucket, Key=kept[name].partition(f"{bucket}/")[2], CopySource=source
    )
report["kept"] = kept
changed = {"Data": f"{place}/now/now.csv", "Skip": False, "Register": False, **kept}
report["second"] = run(**changed, FailOnViolation=True)
report["violations"] = {
    name: json.loads(session.read_s3_file(bucket, uri.partition(f"{bucket}/")[2]))["violations"]
    for name, found in report["second"].items()
    if (uri := found["metadata"].get("ViolationReport"))
}
pipeline.delete()
print("REPORT " + json.dumps(report))
