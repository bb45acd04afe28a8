"""Numbered versions of a resource: the row OWNER/NUMBER, whose parent is the owner."""

from sageyard.resources.engine import Engine
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Context, Document, Resource
from sageyard.store.resources import Selection


class Versions:
    """The versions of one kind of resource. No method suspends, so no two requests get the same number."""

    def __init__(self, engine: Engine, owner_kind: str, kind: str) -> None:
        self.engine = engine
        self.owner_kind = owner_kind
        self.kind = kind

    def owner(self, name: str, context: Context) -> StoredResource:
        """The resource of a name or ARN; raises its type's not-found error."""
        spec = self.engine.specs[self.owner_kind]
        return StoredResource(self.engine, self.engine.find(spec, {spec.identity[0]: name}, context.region))

    def add(self, owner: Resource, number: int, document: Document, status: str = "") -> StoredResource:
        """Store a version and start its work."""
        name = f"{owner.name}/{number}"
        return self.engine.add(self.kind, owner.region, name, parent=owner.name, status=status, document=document)

    def get(self, owner: Resource, number: int) -> StoredResource | None:
        """A version by its number."""
        return self.engine.resource(self.kind, owner.region, f"{owner.name}/{number}")

    def all(self, owner: Resource) -> list[StoredResource]:
        """All versions, newest first."""
        rows = self.engine.store.select(Selection(self.kind, owner.region, parent=owner.name, limit=-1))
        return [StoredResource(self.engine, row) for row in rows]

    def delete(self, owner: Resource) -> None:
        """Delete an owner with all its versions, in one transaction."""
        with self.engine.store.database.transaction():
            for version in self.all(owner):
                version.remove()
            owner.remove()
