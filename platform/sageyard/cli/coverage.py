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
        tables = Sageyard(Settings(state_dir=Path(folder))).tables
    if as_markdown:
        click.echo(markdown(tables), nl=False)
        return
    found = [(grade, service, name) for service, table in tables.items() for name, (grade, _) in table.items()]
    for grade, service, name in sorted(found):
        click.echo(f"{grade:12} {service:34} {name}")
    counts = Counter(grade for grade, _, _ in found)
    click.echo(", ".join(f"{count} {grade}" for grade, count in counts.most_common()))
