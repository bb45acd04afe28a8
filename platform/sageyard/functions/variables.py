"""The environment that a function finds itself in."""

import os
from collections.abc import Mapping

from sageyard.cloud import Function


def function_variables(function: Function, client: Mapping[str, str], stream: str, task: str) -> dict[str, str]:
    """The variables that Lambda sets (configuration-envvars), the function's own, and those that lead AWS clients to
    this server. `task` is where the function finds its code."""
    own = dict(function.environment)
    if "PYTHONPATH" in own and "PYTHONPATH" in client:  # the clients' plugin must stay importable
        own["PYTHONPATH"] += os.pathsep + client["PYTHONPATH"]
    return {
        "AWS_SESSION_TOKEN": "sageyard",
        **client,
        **own,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": log_group(function),
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "LAMBDA_TASK_ROOT": task,
        "_HANDLER": function.handler,
    }


def log_group(function: Function) -> str:
    """Where a function logs."""
    return f"/aws/lambda/{function.name}"
