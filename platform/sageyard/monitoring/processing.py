"""The processing job that carries out one execution: inputs, outputs and environment.

Sources: developer guide, `model-monitor-byoc-contract-inputs`; input names and baseline paths as in descriptions of
real execution jobs; script folders as in AWS's example notebooks.
"""

import json

from sageyard.clock import iso, utc
from sageyard.monitoring.dataset import MAX_INPUTS, Dataset, Source, job_input
from sageyard.monitoring.definition import BY_CLARIFY, MODEL_BIAS, MODEL_QUALITY, data_input, local_path
from sageyard.monitoring.window import Window
from sageyard.resources.spec import Api, Document


async def baseline_uris(definition: Document, kind: str, api: Api, region: str) -> tuple[str | None, str | None]:
    """S3 URIs of constraints and statistics; those not given are the BaseliningJobName's results, if it is. Clarify's
    are constraints alone."""
    config = definition.get("BaselineConfig", {})
    constraints = config.get("ConstraintsResource", {}).get("S3Uri")
    statistics = config.get("StatisticsResource", {}).get("S3Uri")
    if (name := config.get("BaseliningJobName")) and not (constraints and (statistics or kind in BY_CLARIFY)):
        job = await api.call("DescribeProcessingJob", {"ProcessingJobName": name}, region=region)
        results = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"].rstrip("/")
        if kind in BY_CLARIFY:
            return f"{results}/analysis.json", None
        constraints = constraints or f"{results}/constraints.json"
        statistics = statistics or f"{results}/statistics.json"
    return constraints, statistics


def output_uri(definition: Document) -> str:
    """The S3 URI of the monitoring output, without a slash at its end."""
    uri: str = definition["MonitoringOutputConfig"]["MonitoringOutputs"][0]["S3Output"]["S3Uri"]
    return uri.rstrip("/")


def report_uri(definition: Document, source: Source, schedule: str, scheduled: float, on_demand: str = "") -> str:
    """`<S3Uri>/<endpoint>/<schedule>/yyyy/mm/dd/hh` of the scheduled time; of transform jobs without an endpoint.

    A run on demand, whose execution's name is `on_demand`, adds `MM-SS-<6 hex digits>`: AWS has one execution an hour,
    and a second one here must not mix its report with the first one's.
    """
    moment = utc(scheduled)
    key = f"{output_uri(definition)}/{source.folder}{schedule}/{moment:%Y/%m/%d/%H}"
    return f"{key}/{moment:%M-%S}-{on_demand[-6:]}" if on_demand else key


def processing_job(
    name: str,
    schedule: str,
    definition: Document,
    source: Source,
    dataset: Dataset,
    baseline: tuple[str | None, str | None],
    window: Window,
    report: str,
    kind: str,
) -> Document:
    """The CreateProcessingJob request of an analysis of a dataset of that source: of its captures, or, where the
    monitoring type `kind` needs labels, of what its merge job has written."""
    data = data_input(definition)
    output = definition["MonitoringOutputConfig"]["MonitoringOutputs"][0]["S3Output"]
    application = definition["MonitoringAppSpecification"]
    constraints, statistics = baseline
    files = [
        ("constraints", "baseline_constraints", constraints, "/opt/ml/processing/baseline/constraints"),
        ("baseline", "baseline_statistics", statistics, "/opt/ml/processing/baseline/stats"),
        ("pre_processor_script", "record_preprocessor_script",
         application.get("RecordPreprocessorSourceUri"), "/opt/ml/processing/code/preprocessing"),
        ("post_processor_script", "post_analytics_processor_script",
         application.get("PostAnalyticsProcessorSourceUri"), "/opt/ml/processing/code/postprocessing"),
        ("analysis_config", "analysis_config", application.get("ConfigUri"), "/opt/ml/processing/analysis_config"),
    ]  # fmt: skip
    given = [(input_name, variable, uri, path) for input_name, variable, uri, path in files if uri]
    local = local_path(data)
    inputs = dataset.inputs(local, MAX_INPUTS - len(given))
    environment = {
        "publish_cloudwatch_metrics": "Disabled",
        **definition.get("Environment", {}),
        "dataset_format": json.dumps(dataset.form, separators=(",", ":")),
        "dataset_source": local,
        "output_path": output["LocalPath"],
        "start_time": iso(window.start),
        "end_time": iso(window.end),
        "metric_time": iso(window.start),
        "sagemaker_monitoring_schedule_name": schedule,
        **source.variables,
        **{variable: f"{path}/{uri.rpartition('/')[2]}" for _, variable, uri, path in given},
        **({"exclude_features_attribute": excluded} if (excluded := data.get("ExcludeFeaturesAttribute")) else {}),
        **type_variables(kind, data, application),
    }
    output_config = {
        "Outputs": [
            {
                "OutputName": "result",
                "S3Output": {
                    "S3Uri": report,
                    "LocalPath": output["LocalPath"],
                    "S3UploadMode": output.get("S3UploadMode", "Continuous"),
                },
            }
        ],
        "KmsKeyId": definition["MonitoringOutputConfig"].get("KmsKeyId"),
    }
    return {
        "ProcessingJobName": name,
        "ProcessingInputs": inputs + [job_input(input_name, uri, path) for input_name, _, uri, path in given],
        "ProcessingOutputConfig": output_config,
        "ProcessingResources": definition["MonitoringResources"],
        "StoppingCondition": definition.get("StoppingCondition"),
        "AppSpecification": {
            member: application.get(member) for member in ("ImageUri", "ContainerEntrypoint", "ContainerArguments")
        },
        "Environment": environment,
        "NetworkConfig": definition.get("NetworkConfig"),
        "RoleArn": definition["RoleArn"],
    }


def type_variables(kind: str, data: Document, application: Document) -> Document:
    """What the analyses of some monitoring types have besides; the containers refuse what is missing.

    Model quality's are known. AWS shows none of Clarify's monitoring jobs: theirs are named in the same way.
    """
    threshold = data.get("ProbabilityThresholdAttribute")
    attributes = {
        "inference_attribute": data.get("InferenceAttribute"),
        "probability_attribute": data.get("ProbabilityAttribute"),
        "probability_threshold_attribute": None if threshold is None else str(threshold),
    }
    found: Document = {}
    if kind == MODEL_QUALITY:
        found = {"analysis_type": "MODEL_QUALITY", "problem_type": application.get("ProblemType"), **attributes}
    elif kind in BY_CLARIFY:
        analysis = "MODEL_BIAS" if kind == MODEL_BIAS else "MODEL_EXPLAINABILITY"
        found = {"analysis_type": analysis, "features_attribute": data.get("FeaturesAttribute"), **attributes}
    return {name: value for name, value in found.items() if value is not None}
