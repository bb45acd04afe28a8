"""`sageyard coverage`: every operation of SageMaker and what stands behind it."""

import tempfile
from collections import Counter
from pathlib import Path

import click


@click.command()
@click.option("--markdown", "as_markdown", is_flag=True, help="The whole table, as in platform/docs/OPERATIONS.md.")
def coverage(as_markdown: bool) -> None:
    """Say of each operation whether it runs, is stored only, or is refused."""
    from sageyard.app import Sageyard
    from sageyard.coverage import markdown
    from sageyard.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        operations = Sageyard(Settings(state_dir=Path(folder))).operations
        if as_markdown:
            click.echo(markdown(operations), nl=False)
            return
        for operation in sorted(operations.table.values(), key=lambda operation: (operation.grade, operation.name)):
            click.echo(f"{operation.grade:12} {operation.name}")
        counts = Counter(operation.grade for operation in operations.table.values())
        click.echo(", ".join(f"{count} {grade}" for grade, count in counts.most_common()))
