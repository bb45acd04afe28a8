"""The `sageyard` command.

Each command is imported when it is called: `sageyard env` is evaluated by shells and must not wait for boto3 or the
server's code.
"""

import importlib

import click

from sageyard import __version__

COMMANDS = {
    "up": "sageyard.cli.up:up",
    "down": "sageyard.cli.down:down",
    "status": "sageyard.cli.status:status",
    "logs": "sageyard.cli.logs:logs",
    "reset": "sageyard.cli.reset:reset",
    "doctor": "sageyard.cli.doctor:doctor",
    "env": "sageyard.cli.env:env",
    "run": "sageyard.cli.env:run",
    "images": "sageyard.cli.images:images",
    "pipelines": "sageyard.cli.pipelines:pipelines",
    "monitor": "sageyard.cli.monitor:monitor",
    "clock": "sageyard.cli.clock:clock",
    "coverage": "sageyard.cli.coverage:coverage",
    "demo": "sageyard.cli.demo:demo",
}


class CommandTable(click.Group):
    """A group that finds its commands in `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.command(cls=CommandTable, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sageyard")
def main() -> None:
    """Amazon SageMaker on your own machine, and it really runs."""
