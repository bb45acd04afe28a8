"""Pages of a listing whose condition is no column and no member: a prefix, a range of versions, part of a name.

Tokens are those of the engine: stable under concurrent writes.
"""

from collections.abc import Callable
from dataclasses import replace

from sageyard.resources.engine import Engine
from sageyard.resources.query import PAGE, Page, selection
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Context, Document
from sageyard.store.resources import Row


def page(
    engine: Engine,
    kind: str,
    request: Document,
    context: Context,
    *,
    keep: Callable[[Row], bool],
    parent: str | None = None,
) -> Page:
    """One page of a kind's summaries, of one `parent` if given.

    `keep` is a condition beside those that the request's members make. Rows that it drops are read and skipped, so a
    page is as full as there are rows for it.
    """
    spec = engine.specs[kind]
    wanted = replace(selection(spec, request, context.region), parent=parent)
    limit = wanted.limit
    found: list[Row] = []
    batch = replace(wanted, limit=max(limit + 1, PAGE))
    while len(found) <= limit:
        rows = engine.store.select(batch)
        found += [row for row in rows if keep(row)]
        if len(rows) < batch.limit:
            break
        batch = replace(batch, after=(rows[-1].key, rows[-1].id))
    shown = found[:limit]
    documents = [spec.hooks.summarize(StoredResource(engine, row), engine.document(row)) for row in shown]
    return Page.of(documents, shown[-1] if len(found) > limit else None, wanted)
