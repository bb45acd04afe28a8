"""A handle on one stored resource."""

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sageyard.resources.spec import Document
from sageyard.store.resources import Row

if TYPE_CHECKING:
    from sageyard.resources.engine import Engine


class StoredResource:
    """Implements `spec.Resource` on the store; the row is read anew whenever another handle may have written it."""

    def __init__(self, engine: "Engine", row: Row) -> None:
        self._engine = engine
        self.kind, self.region, self.name, self.arn = row.kind, row.region, row.name, row.arn

    def _row(self) -> Row:
        row = self._engine.store.get(self.kind, self.region, self.name)
        if row is None:
            raise LookupError(f"{self.kind} {self.name} in {self.region} is gone")
        return row

    @property
    def tags(self) -> dict[str, str]:
        return dict(self._engine.store.tags(self.arn))

    @property
    def exists(self) -> bool:
        return self._engine.store.exists(self.kind, self.region, self.name)

    @property
    def status(self) -> str:
        return self._row().status

    @property
    def document(self) -> Document:
        return self._engine.document(self._row())

    @property
    def private(self) -> Document:
        return copy.deepcopy(self._row().private)

    def save(self, *, status: str | None = None, private: Document | None = None, **members: Any) -> None:
        spec = self._engine.specs[self.kind]
        if status is not None and status not in spec.statuses:
            raise ValueError(f"{status!r} is no status of {self.kind}: {sorted(spec.statuses)}")
        row = self._row()
        document = {key: value for key, value in (row.document | members).items() if value is not None}
        after = replace(
            row,
            status=row.status if status is None else status,
            modified=self._engine.clock.now(),
            document=document,
            private=row.private | (private or {}),
        )
        self._engine.store.update(after)
        self._engine.changed(row, after)

    def remove(self) -> None:
        row = self._row()
        self._engine.store.delete(row)
        self._engine.changed(row, None)
