"""`sageyard pipelines`: a pipeline drawn."""

from pathlib import Path
from typing import Any

import click

from sageyard.cli.options import region_option, resolve_state_dir, server_options
from sageyard.cli.server import locate
from sageyard.settings import Settings


@click.group()
def pipelines() -> None:
    """Pipelines of the running server."""


@pipelines.command()
@click.argument("name")
@click.option("--execution", metavar="ARN", help="Show how far this execution has come, with the definition it has.")
@region_option
@server_options
def graph(name: str, execution: str | None, region: str, host: str, port: int, state_dir: Path | None) -> None:
    """Write the graph of pipeline NAME in Mermaid, which GitHub, GitLab and https://mermaid.live draw."""
    from botocore.exceptions import ClientError

    from sageyard.errors import AwsError
    from sageyard.pipelines.definition import read
    from sageyard.pipelines.graph import mermaid
    from sageyard.pipelines.hooks import TYPES

    client = _client(locate(Settings(host=host, port=port, state_dir=resolve_state_dir(state_dir))), region)
    statuses = {}
    try:
        if execution is None:
            text = client.describe_pipeline(PipelineName=name)["PipelineDefinition"]
        else:
            text = client.describe_pipeline_definition_for_execution(PipelineExecutionArn=execution)[
                "PipelineDefinition"
            ]
            pages = client.get_paginator("list_pipeline_execution_steps").paginate(PipelineExecutionArn=execution)
            statuses = {
                step["StepName"]: step["StepStatus"] for page in pages for step in page["PipelineExecutionSteps"]
            }
        click.echo(mermaid(read(text, TYPES), statuses), nl=False)
    except (ClientError, AwsError) as error:
        raise click.ClickException(str(error)) from error


def _client(url: str, region: str) -> Any:
    import boto3

    session = boto3.Session("sageyard", "sageyard", region_name=region)
    return session.client("sagemaker", endpoint_url=url)
