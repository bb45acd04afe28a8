"""Executions of pipelines, and the answers to their callbacks."""

from sageyard.pipelines.hooks import PipelineExecutionHooks
from sageyard.pipelines.operations import PipelineExecutions
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family


def family(hooks: PipelineExecutionHooks, engine: Engine) -> Family:
    """No Create operation makes an execution, and its ARN is its only identity."""
    executions = PipelineExecutions(engine)
    return Family(
        added=hooks.specs(),
        functions={
            "StartPipelineExecution": (executions.start, "runs"),
            "StopPipelineExecution": (executions.stop, "runs"),
            "RetryPipelineExecution": (executions.retry, "runs"),
            "DescribePipelineExecution": (executions.describe, "runs"),
            "UpdatePipelineExecution": (executions.update, "runs"),
            "DescribePipelineDefinitionForExecution": (executions.definition, "runs"),
            "ListPipelineExecutions": (executions.list_executions, "runs"),
            "ListPipelineExecutionSteps": (executions.list_steps, "runs"),
            "ListPipelineParametersForExecution": (executions.list_parameters, "runs"),
            "SendPipelineExecutionStepSuccess": (executions.succeed, "runs"),
            "SendPipelineExecutionStepFailure": (executions.fail, "runs"),
        },
    )
