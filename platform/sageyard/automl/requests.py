"""The jobs that an AutoML job makes, as the requests that make them."""

from typing import Any

from sageyard.automl.search_space import SPACES, shown
from sageyard.automl.task import MINIMIZED, MOST_CANDIDATES, OBJECTIVES, VALIDATION, Task
from sageyard.resources.spec import Document

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-sklearn-automl:2.5-1-cpu-py3"
"""As the SDKs write it; runners know the repository."""
CLARIFY = "205585389593.dkr.ecr.us-east-1.amazonaws.com/sagemaker-clarify-processing:1.0"
INSTANCE: Document = {"InstanceCount": 1, "InstanceType": "ml.m5.2xlarge", "VolumeSizeInGB": 30}
PROCESSING = "/opt/ml/processing"
AT_ONCE = 2
PATIENCE = 20
"""Without MaxCandidates a job ends when so many candidates in a row were no better: 250 would take a machine hours."""
CSV = "text/csv;header=present"
NOTEBOOKS = "sagemaker-automl-candidates/notebooks"
DATA = "preprocessed-data/tuning_data"
INSIGHTS = "documentation/model_monitor/output"
EXPLAINABILITY = "documentation/explainability/output"
EXPLAINED = "documentation/explainability/input"
SAMPLES = 128
"""Model outputs for each explained row: enough to rank a few dozen columns."""


class Requests:
    """Of one job; `base` is the S3 URI that everything of it is under."""

    def __init__(self, name: str, role: str, task: Task, letters: str) -> None:
        self.name = name
        self.role = role
        self.task = task
        self.letters = letters
        self.base = f"{task.output['S3OutputPath'].rstrip('/')}/{self.name}"

    def child(self, word: str, longest: int = 63) -> str:
        """A name that no other job has, the same after a restart."""
        end = f"-{word}-{self.letters}" if word else f"-{self.letters}"
        return self.name[: longest - len(end)].strip("-") + end

    def config(self, features: list[str] | None, kinds: dict[str, str]) -> Document:
        """What the analysis reads as automl.json."""
        task = self.task
        return {
            "target": task.target,
            "weight": task.weight,
            "problem_type": task.problem_type,
            "objective": task.objective,
            "validation_fraction": task.validation_fraction,
            "content_type": task.channels["training"].get("ContentType", CSV),
            "features": features,
            "kinds": kinds,
            "candidates": [{"algorithm": name, "ranges": shown(name)} for name in task.algorithms],
        }

    def analysis(self) -> Document:
        """CreateProcessingJob."""
        inputs = [_input("config", f"{self.base}/config/")]
        for name, channel in self.task.channels.items():
            source = channel["DataSource"]["S3DataSource"]
            one = _input(name, source["S3Uri"])
            one["S3Input"]["S3DataType"] = source["S3DataType"]
            if channel.get("CompressionType") == "Gzip":
                one["S3Input"]["S3CompressionType"] = "Gzip"
            inputs.append(one)
        outputs = {
            "train": f"{DATA}/train", VALIDATION: f"{DATA}/validation", "plan": "preprocessed-data/plan",
            "explain": EXPLAINED, "notebooks": NOTEBOOKS,
        }  # fmt: skip
        return self._processing(self.child("pr-1"), IMAGE, ["analyze"], inputs, outputs)

    def insights(self, candidate: Document) -> Document:
        """CreateProcessingJob, about the best candidate."""
        inputs = [
            _input("model", candidate["InferenceContainers"][0]["ModelDataUrl"]),
            _input("plan", f"{self.base}/preprocessed-data/plan/"),
            _input(VALIDATION, f"{self.base}/{DATA}/validation/"),
        ]
        outputs = {"insights": f"{INSIGHTS}/{candidate['CandidateName']}"}
        return self._processing(self.child("insights"), IMAGE, ["insights"], inputs, outputs)

    def explained_model(self, candidate: Document) -> list[Document]:
        """The candidate's containers, answering with what is explained: probabilities, or a regression's value."""
        found = []
        for container in candidate["InferenceContainers"]:
            supported = container["Environment"]["SAGEMAKER_INFERENCE_SUPPORTED"].split(",")
            output = {"SAGEMAKER_INFERENCE_OUTPUT": supported[-1]}
            found.append(container | {"Environment": container["Environment"] | output})
        return found

    def explanation_config(self, model: str, plan: Document) -> Document:
        """What Clarify reads as analysis_config.json."""
        shap = {
            "baseline": [plan["baseline"]], "num_samples": SAMPLES, "agg_method": "mean_abs",
            "save_local_shap_values": True,
        }  # fmt: skip
        predictor: Document = {
            "model_name": model, "instance_type": "ml.m5.xlarge", "initial_instance_count": 1,
            "content_type": "text/csv", "accept_type": "text/csv", "probability": 0,
        }  # fmt: skip
        if plan["labels"]:
            predictor["label_headers"] = [str(label) for label in plan["labels"]]
        return {
            "version": "1.0", "dataset_type": "text/csv",
            "methods": {"shap": shap, "report": {"name": "report", "title": f"Explainability of {self.name}"}},
            "predictor": predictor,
        }  # fmt: skip

    def explainability(self, candidate: Document) -> Document:
        """CreateProcessingJob, of Clarify."""
        inputs = [_input("config", f"{self.base}/config/explainability/"), _input("data", f"{self.base}/{EXPLAINED}/")]
        inputs[0]["InputName"], inputs[1]["InputName"] = "analysis_config", "dataset"
        request = self._processing(self.child("explain"), CLARIFY, [], inputs, {})
        place = f"{self.base}/{EXPLAINABILITY}/{candidate['CandidateName']}"
        result = {"S3Uri": place, "LocalPath": f"{PROCESSING}/output", "S3UploadMode": "EndOfJob"}
        request["ProcessingOutputConfig"] = {"Outputs": [{"OutputName": "analysis_result", "S3Output": result}]}
        return request

    def _processing(
        self, name: str, image: str, arguments: list[str], inputs: list[Document], outputs: dict[str, str]
    ) -> Document:
        return {
            "ProcessingJobName": name,
            "AppSpecification": {"ImageUri": image, **({"ContainerArguments": arguments} if arguments else {})},
            "ProcessingInputs": inputs,
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": output,
                        "S3Output": {
                            "S3Uri": f"{self.base}/{place}",
                            "LocalPath": f"{PROCESSING}/output/{output}",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                    for output, place in outputs.items()
                ]
            },
            "ProcessingResources": {"ClusterConfig": INSTANCE},
            "RoleArn": self.role,
        }

    def tuning(self, kind: str, objective: str) -> Document:
        """CreateHyperParameterTuningJob: a definition an algorithm."""
        task = self.task
        limits: Document = {"MaxNumberOfTrainingJobs": task.most or MOST_CANDIDATES, "MaxParallelTrainingJobs": AT_ONCE}
        if task.seconds is not None:
            limits["MaxRuntimeInSeconds"] = task.seconds
        config: Document = {"Strategy": "Bayesian", "ResourceLimits": limits}
        if task.most is None:
            patience = {"MaxNumberOfTrainingJobsNotImproving": PATIENCE}
            config["TuningJobCompletionCriteria"] = {"BestObjectiveNotImproving": patience}
        return {
            "HyperParameterTuningJobName": self.child("", 32),
            "HyperParameterTuningJobConfig": config,
            "TrainingJobDefinitions": [self._definition(name, kind, objective) for name in task.algorithms],
        }

    def _definition(self, algorithm: str, kind: str, objective: str) -> Document:
        metrics = [{"Name": f"validation:{name}", "Regex": f"validation:{name}=([-+.0-9e]+);"}
                   for name in sorted(OBJECTIVES[kind])]  # fmt: skip
        places = {"train": f"{DATA}/train/", VALIDATION: f"{DATA}/validation/", "plan": "preprocessed-data/plan/"}
        stopping: dict[str, Any] = {}
        if self.task.seconds_each is not None:
            stopping["MaxRuntimeInSeconds"] = self.task.seconds_each
        return {
            "DefinitionName": algorithm,
            "TuningObjective": {"Type": direction(objective), "MetricName": f"validation:{objective}"},
            "HyperParameterRanges": SPACES[algorithm],
            "StaticHyperParameters": {"automl_algorithm": algorithm},
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE, "TrainingInputMode": "File", "MetricDefinitions": metrics,
            },
            "InputDataConfig": [
                {
                    "ChannelName": name,
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{self.base}/{place}"}},
                }
                for name, place in places.items()
            ],
            "OutputDataConfig": {"S3OutputPath": f"{self.base}/tuning"},
            "ResourceConfig": INSTANCE,
            "StoppingCondition": stopping or {"MaxRuntimeInSeconds": 86400},
            "RoleArn": self.role,
        }  # fmt: skip


def direction(objective: str) -> str:
    """`Minimize` or `Maximize`."""
    return "Minimize" if objective in MINIMIZED else "Maximize"


def _input(name: str, uri: str) -> Document:
    place = {"S3Uri": uri, "LocalPath": f"{PROCESSING}/input/{name}", "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": place}
