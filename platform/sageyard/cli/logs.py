"""`sageyard logs`: what a job or an endpoint has written."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from sageyard.cli.options import region_option, resolve_state_dir, server_options
from sageyard.cli.server import health, locate, not_running
from sageyard.environment import DUMMY_KEY
from sageyard.settings import Settings

JOBS = ("TrainingJob", "ProcessingJob", "TransformJob")
ENDED = {"Completed", "Failed", "Stopped"}
FOLLOW_SECONDS = 0.5


@dataclass
class LogSource:
    """The log streams of one job or endpoint. `kind` is the resource, e.g. `TrainingJob`."""

    sagemaker: Any
    logs: Any
    kind: str
    name: str
    tokens: dict[str, str] = field(default_factory=dict)

    def status(self) -> str | None:
        """The resource's status, or None where it does not exist."""
        operation = {
            "TrainingJob": "describe_training_job",
            "ProcessingJob": "describe_processing_job",
            "TransformJob": "describe_transform_job",
            "Endpoint": "describe_endpoint",
        }[self.kind]
        try:
            answer = getattr(self.sagemaker, operation)(**{f"{self.kind}Name": self.name})
        except self.sagemaker.exceptions.ClientError:
            return None
        return str(answer[f"{self.kind}Status"])

    def streams(self) -> list[str]:
        """The streams there are now: `<job>/algo-1-...` in the jobs' group, all of an endpoint's own group."""
        group, prefix = self._group()
        found: list[str] = []
        try:
            for page in self.logs.get_paginator("describe_log_streams").paginate(logGroupName=group, **prefix):
                found += [stream["logStreamName"] for stream in page["logStreams"]]
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        return found

    def new_lines(self) -> list[str]:
        """What was written since the last call, by time; each line names its stream where there are several."""
        streams = self.streams()
        events = [(event["timestamp"], stream, event["message"]) for stream in streams for event in self._read(stream)]
        events.sort(key=lambda event: event[0])
        if len(streams) == 1:
            return [message for _, _, message in events]
        return [f"{stream.rpartition('/')[2]}: {message}" for _, stream, message in events]

    def _group(self) -> tuple[str, dict[str, str]]:
        if self.kind == "Endpoint":
            return f"/aws/sagemaker/Endpoints/{self.name}", {}
        return f"/aws/sagemaker/{self.kind}s", {"logStreamNamePrefix": f"{self.name}/"}

    def _read(self, stream: str) -> Iterator[dict[str, Any]]:
        group, _ = self._group()
        while True:
            token = {"nextToken": self.tokens[stream]} if stream in self.tokens else {}
            page = self.logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, **token)
            self.tokens[stream] = page["nextForwardToken"]
            if not page["events"]:
                return
            yield from page["events"]


@click.command()
@click.argument("name", metavar="JOB|ENDPOINT")
@click.option("-f", "--follow", is_flag=True, help="Go on until the job has ended; an endpoint until Ctrl-C.")
@server_options
@region_option
def logs(host: str, port: int, state_dir: Path | None, region: str, name: str, follow: bool) -> None:
    """Print the log of a training, processing or transform job, or of an endpoint."""
    settings = Settings(host=host, port=port, state_dir=resolve_state_dir(state_dir), region=region)
    if health(locate(settings)) is None:
        raise not_running(settings)
    source = _find(settings, name)
    try:
        while True:
            status = source.status()  # before reading: what an ended job wrote is all there
            for line in source.new_lines():
                click.echo(line)
            if not follow or status is None or status in ENDED:
                return
            time.sleep(FOLLOW_SECONDS)
    except KeyboardInterrupt:
        return


def _find(settings: Settings, name: str) -> LogSource:
    """The job of this name, else the endpoint, else whatever deleted resource has left a log."""
    import boto3

    session = boto3.Session(DUMMY_KEY, DUMMY_KEY, region_name=settings.region)
    url = locate(settings)
    sagemaker, logs_client = (session.client(service, endpoint_url=url) for service in ("sagemaker", "logs"))
    sources = [LogSource(sagemaker, logs_client, kind, name) for kind in (*JOBS, "Endpoint")]
    for source in sources:
        if source.status() is not None:
            return source
    for source in sources:
        if source.streams():
            return source
    raise click.ClickException(
        f"there is no training, processing or transform job and no endpoint named {name!r} in {settings.region}. "
        "Names and their case must match; another region is given with --region."
    )
