"""One file per kind of step; this is their register."""

from sageyard.pipelines.steps.base import StepType
from sageyard.pipelines.steps.callback import Callback
from sageyard.pipelines.steps.clarify_check import ClarifyCheck
from sageyard.pipelines.steps.cleanup import Cleanup
from sageyard.pipelines.steps.decision import Condition, Fail
from sageyard.pipelines.steps.endpoint import Endpoint, InferenceComponent
from sageyard.pipelines.steps.for_each import ForEach
from sageyard.pipelines.steps.job import AutoML, Processing, Training, Transform, Tuning
from sageyard.pipelines.steps.lambda_function import Lambda
from sageyard.pipelines.steps.lineage import Lineage
from sageyard.pipelines.steps.model import EndpointConfig, Model, RegisterModel
from sageyard.pipelines.steps.quality_check import QualityCheck
from sageyard.pipelines.steps.refused import EMR, EMRServerless, Job

STEP_TYPES: dict[str, StepType] = {
    step.type: step()
    for step in (
        AutoML, Callback, ClarifyCheck, Cleanup, Condition, EMR, EMRServerless, Endpoint, EndpointConfig, Fail, ForEach,
        InferenceComponent, Job, Lambda, Lineage, Model, Processing, QualityCheck, RegisterModel, Training, Transform,
        Tuning,
    )
}  # fmt: skip
