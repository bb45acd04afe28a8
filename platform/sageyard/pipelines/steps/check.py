"""Steps that make a baseline of some data and compare it with the baseline before (developer guide: Baseline
calculation, drift detection and lifecycle with ClarifyCheck and QualityCheck steps).

One processing job does both: its container reports violations where it is given the baseline before.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

from sageyard.errors import AwsError
from sageyard.pipelines.steps.base import StepFailedError, StepRun
from sageyard.pipelines.steps.job import Processing
from sageyard.resources.spec import Document

PLACE = "/opt/ml/processing/baseline"
VIOLATED = "CompletedWithViolations"


class Check(Processing, ABC):
    """SkipCheck compares with nothing; RegisterNewBaseline makes the new baseline the one for later checks."""

    files: ClassVar[dict[str, str]]
    """The parts of a baseline, by their names in the step's members, and the files that the job writes them to."""

    @abstractmethod
    def registered(self, baselines: Document, check: str) -> Document:
        """The parts of a baseline as MetricsSources, by name, in a model package's DriftCheckBaselines."""

    async def start(self, run: StepRun) -> None:
        known = {name: run.document.get(f"SuppliedBaseline{name}") for name in self.files}
        if not all(known.values()):
            registered = await self._registered(run)
            known = {name: uri or registered.get(name, {}).get("S3Uri") for name, uri in known.items()}
        if not run.document.get("SkipCheck"):
            if not known["Constraints"]:
                group = run.document.get("ModelPackageGroupName")
                raise StepFailedError(
                    f"No baseline to compare with: model package group {group!r} has no approved version with "
                    "DriftCheckBaselines. Supply one, or set SkipCheck for the first execution."
                )
            run.arguments = _compared(run.arguments, {name.lower(): uri for name, uri in known.items() if uri})
        run.remember({"known": known})
        await super().start(run)
        run.save_metadata({self.type: self._metadata(run, [], await self._arn(run))})

    async def finish(self, run: StepRun) -> Document:
        ended = await super().finish(run)
        place = ended["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"].rstrip("/")
        violated = ended.get("ExitMessage", "").startswith(VIOLATED)
        metadata = self._metadata(run, [place, *(["violations"] if violated else [])], ended["ProcessingJobArn"])
        run.save_metadata({self.type: metadata})
        if violated and run.document.get("FailOnViolation", True):
            raise StepFailedError(
                f"ClientError: The check found violations: see {metadata['ViolationReport']}. {ended['ExitMessage']}"
            )
        return metadata

    def _metadata(self, run: StepRun, made: list[str], job: str) -> Document:
        """What ListPipelineExecutionSteps shows; `made` is where the job wrote to, once it has."""
        known: Document = run.notes["known"]
        shown = {
            "CheckType": run.document["CheckType"],
            "ModelPackageGroupName": run.document.get("ModelPackageGroupName"),
            "SkipCheck": bool(run.document.get("SkipCheck")),
            "RegisterNewBaseline": bool(run.document.get("RegisterNewBaseline")),
            "CheckJobArn": job,
        }
        for name, file in self.files.items():
            calculated = f"{made[0]}/{file}" if made else None
            fresh = run.document.get("RegisterNewBaseline") or not known[name]
            shown[f"CalculatedBaseline{name}"] = calculated
            shown[f"BaselineUsedForDriftCheck{name}"] = calculated if fresh else known[name]
        if len(made) > 1:
            shown["ViolationReport"] = f"{made[0]}/constraint_violations.json"
        return {name: value for name, value in shown.items() if value is not None}

    async def _arn(self, run: StepRun) -> str:
        described = await run.call("DescribeProcessingJob", {"ProcessingJobName": run.notes["job"]})
        return str(described["ProcessingJobArn"])

    async def _registered(self, run: StepRun) -> Document:
        """The baselines for drift checks of the group's newest approved version."""
        request = {"ModelPackageGroupName": run.document.get("ModelPackageGroupName"), "MaxResults": 1,
                   "ModelApprovalStatus": "Approved"}  # fmt: skip
        try:
            listed = await run.api.call("ListModelPackages", request, region=run.region)
        except AwsError:  # the group does not exist yet
            return {}
        for package in listed["ModelPackageSummaryList"]:
            described = await run.call("DescribeModelPackage", {"ModelPackageName": package["ModelPackageArn"]})
            return self.registered(described.get("DriftCheckBaselines", {}), run.document["CheckType"])
        return {}


def _compared(request: Document, known: dict[str, str]) -> Document:
    """The processing job's request with the baseline before as further inputs."""
    inputs = [
        {
            "InputName": f"baseline_{name}",
            "S3Input": {
                "S3Uri": uri,
                "LocalPath": f"{PLACE}/{name}",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
                "S3DataDistributionType": "FullyReplicated",
                "S3CompressionType": "None",
            },
        }
        for name, uri in known.items()
    ]
    variables = {f"baseline_{name}": f"{PLACE}/{name}/{uri.rpartition('/')[2]}" for name, uri in known.items()}
    return request | {
        "ProcessingInputs": [*request.get("ProcessingInputs", []), *inputs],
        "Environment": request.get("Environment", {}) | variables,
    }
