"""Create, Describe, List, Update, Delete, Start and Stop of any resource type, from its specification."""

import asyncio
import contextlib
import json
import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from sageyard.clock import Clock
from sageyard.errors import AwsError, ConflictError, ValidationError
from sageyard.resources.query import Page, selection
from sageyard.resources.quotas import Quotas
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Context, Document, Hooks, ResourceSpec, lowered
from sageyard.resources.tag_rules import check_tags
from sageyard.store.client_tokens import ClientTokens
from sageyard.store.full_disk import saved
from sageyard.store.resources import Resources, Row, Selection

logger = logging.getLogger(__name__)

Watcher = Callable[[ResourceSpec, Row | None, Row | None], None]
"""Told of every durable change: the row before (None: created) and after (None: deleted)."""


class Engine:
    """All resource types over one store. Methods run in the event loop; writes are durable when they return."""

    def __init__(
        self,
        store: Resources,
        clock: Clock,
        specs: Mapping[str, ResourceSpec],
        account_id: str,
        quotas: Mapping[str, int] | None = None,
    ) -> None:
        self.store = store
        self.tokens = ClientTokens(store.database)
        self.quotas = Quotas(quotas or {}, store)
        self.clock = clock
        self.specs = dict(specs)
        self.account_id = account_id
        self.watchers: list[Watcher] = []
        self._running: dict[tuple[str, str, str], asyncio.Task[None]] = {}
        self._waiting: dict[tuple[str, str, str], asyncio.Event] = {}

    # -- what operations call -------------------------------------------------------------------------------------

    async def create(self, spec: ResourceSpec, request: Document, context: Context) -> Document:
        """Store a new resource and start its work; answers its document."""
        asked = request
        if (made := self._made_before(spec, asked, context.region)) is not None:
            return made
        request = dict(request)
        tags = request.pop("Tags", [])
        for member in spec.generated:
            random = f"{spec.kind[0].lower()}-{uuid.uuid4().hex[:12]}"  # a domain's is `d-…`
            request.setdefault(member, spec.hooks.identify(request) or random)
        identity = [str(request[member]) for member in spec.identity]
        arn = self.arn(spec, context.region, identity)
        context = replace(context, tags=check_tags(arn, (), tags))
        if self.store.has_arn(arn, spec.kind):  # names that differ only in case have one ARN
            raise self._exists(spec, identity, arn)
        parent = self._parent(spec, request, context.region)
        self._check_references(spec, request, context.region)
        self.quotas.check(spec, request, context.region)
        document = await spec.hooks.prepare(request, context)
        for member in spec.generated:
            if member.endswith("Arn"):
                document[member] = arn
        now, status = self.clock.now(), spec.initial_status
        if spec.status_member in document:
            status = str(document.pop(spec.status_member))  # an Action's status is its creator's to say
        row = Row(spec.kind, context.region, "/".join(identity), arn, status, now, now, document, {}, parent)
        if type(spec.hooks).prepare is not Hooks.prepare:  # another request may have come first while it waited
            if (made := self._made_before(spec, asked, context.region)) is not None:
                return made
            if self.store.has_arn(arn, spec.kind):
                raise self._exists(spec, identity, arn)
        with self.store.database.transaction():
            row = self.store.insert(row, [(tag["Key"], tag["Value"]) for tag in tags])
            if token := asked.get(spec.token_member or ""):
                self.tokens.add(spec.kind, context.region, token, row.id, _text(asked))
            spec.hooks.created(StoredResource(self, row))
        self.changed(None, row)
        self._start(spec, row, recovered=False)
        return self.document(row)

    def describe(self, spec: ResourceSpec, request: Document, context: Context) -> Document:
        """The resource's document as Describe shows it."""
        row = self.find(spec, request, context.region)
        return spec.hooks.describe(StoredResource(self, row), self.document(row))

    def select(
        self,
        spec: ResourceSpec,
        request: Document,
        context: Context,
        *,
        among: list[str] | None = None,
        parent: str | None = None,
    ) -> Page:
        """One page of documents, newest first unless the request says otherwise; `among` these ARNs only, of one
        `parent` if given."""
        wanted = replace(selection(spec, request, context.region), among=among, parent=parent)
        rows = self.store.select(replace(wanted, limit=wanted.limit + 1))
        more = len(rows) > wanted.limit
        rows = rows[: wanted.limit]
        documents = [spec.hooks.summarize(StoredResource(self, row), self.document(row)) for row in rows]
        return Page.of(documents, rows[-1] if more else None, wanted)

    async def update(self, spec: ResourceSpec, request: Document, context: Context) -> Document:
        """Merge an Update's members and carry it out; answers the new document."""
        row = self.find(spec, request, context.region)
        resource = StoredResource(self, row)
        merged = await spec.hooks.prepare_update(resource, dict(request), context)
        status = merged.pop(spec.status_member or "", None) or spec.update_status or None
        members = {key: value for key, value in merged.items() if key not in spec.identity}
        resource.save(status=status, **members)
        await spec.hooks.updated(resource)
        return self.document(self.find(spec, request, context.region))

    async def delete(self, spec: ResourceSpec, request: Document, context: Context) -> Document:
        """Delete a resource: at once, or through its Deleting status; answers its last document."""
        row = self.find(spec, request, context.region)
        resource = StoredResource(self, row)
        await spec.hooks.prepare_delete(resource, context)
        await self._delete_children(spec, row, context)
        document = self.document(row)
        if spec.delete_status:
            resource.save(status=spec.delete_status)
        else:
            resource.remove()
        await spec.hooks.deleted(resource)
        return document

    async def stop(self, spec: ResourceSpec, request: Document, context: Context) -> Document:
        """Stop a running job; refused where it has ended, as AWS does."""
        row = self.find(spec, request, context.region)
        if row.status in spec.settled and not (spec.restartable and row.status == spec.success_status):
            raise ValidationError(spec.not_stoppable.format(noun=spec.noun, status=row.status, name=row.name))
        resource = StoredResource(self, row)
        if row.status != spec.stop_status:
            resource.save(status=spec.stop_status or None)
            await spec.hooks.stop(resource)
        return self.document(row)

    async def start(self, spec: ResourceSpec, request: Document, context: Context) -> Document:
        """Start what was stopped."""
        row = self.find(spec, request, context.region)
        StoredResource(self, row).save(status=spec.initial_status or None)
        self._start(spec, self.find(spec, request, context.region), recovered=False)
        return self.document(row)

    def find(self, spec: ResourceSpec, request: Document, region: str) -> Row:
        """The row that a request names, by name or ARN; raises the type's own not-found error."""
        identity = [str(request.get(member, "")) for member in spec.identity]
        last = identity[-1]
        arn = last if last.startswith("arn:") else self.arn(spec, region, identity)
        row = None if last is arn else self.store.get(spec.kind, region, "/".join(identity))
        row = row or self.store.by_arn(arn, spec.kind)  # SDKs take names from ARNs, which are in lower case
        if row is None or row.region != region:
            asked = last if last is arn else self.arn(replace(spec, arn_path=lowered), region, identity)
            raise AwsError(spec.not_found.format(noun=spec.noun, arn=asked, name=last), code=spec.not_found_code)
        return row

    # -- what hooks and listeners call ----------------------------------------------------------------------------

    def arn(self, spec: ResourceSpec, region: str, identity: list[str]) -> str:
        """The ARN of a resource, whether it exists or not."""
        return f"arn:aws:sagemaker:{region}:{self.account_id}:{spec.arn_noun}/{spec.arn_path(identity)}"

    def document(self, row: Row) -> Document:
        """A row as one document; columns are the truth about identity, status and times."""
        spec = self.specs[row.kind]
        own: dict[str, Any] = {spec.arn_member: row.arn, "CreationTime": row.created, "LastModifiedTime": row.modified}
        if spec.status_member:
            own[spec.status_member] = row.status
        return row.document | own

    def resource(self, kind: str, region: str, name: str) -> StoredResource | None:
        """A handle on a named resource."""
        row = self.store.get(kind, region, name)
        return StoredResource(self, row) if row else None

    def add(
        self,
        kind: str,
        region: str,
        name: str,
        *,
        parent: str,
        status: str,
        document: Document,
        private: Document | None = None,
    ) -> StoredResource:
        """Store a resource that no Create operation makes, such as a monitoring execution, and start its work."""
        spec, now = self.specs[kind], self.clock.now()
        arn = self.arn(spec, region, [name])
        row = self.store.insert(Row(kind, region, name, arn, status, now, now, document, private or {}, parent))
        self.changed(None, row)
        self._start(spec, row, recovered=False)
        return StoredResource(self, row)

    def changed(self, before: Row | None, after: Row | None) -> None:
        """Tell everybody who waits or watches that a change is durable."""
        row = after or before
        assert row is not None
        if (waiting := self._waiting.pop((row.kind, row.region, row.name), None)) is not None:
            waiting.set()
        for watcher in self.watchers:
            watcher(self.specs[row.kind], before, after)

    async def wait_for_change(self, row: Row | StoredResource, seconds: float) -> None:
        """Return when the row was written to, or after `seconds`."""
        key = (row.kind, row.region, row.name)
        event = self._waiting.setdefault(key, asyncio.Event())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):  # wait_for of Python 3.11 can lose a cancellation
                await event.wait()

    # -- work -----------------------------------------------------------------------------------------------------

    def recover(self) -> None:
        """After a start of the server: take up every resource that was on its way somewhere."""
        for spec in self.specs.values():
            for row in list(self.store.in_statuses(spec.kind, spec.statuses - spec.settled)):
                self._start(spec, row, recovered=True)

    async def close(self) -> None:
        """Cancel all running work and wait for it to clean up."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, spec: ResourceSpec, row: Row, *, recovered: bool) -> None:
        if row.status in spec.settled or not spec.status_member:
            return
        key = (row.kind, row.region, row.name)
        task = asyncio.create_task(self._work(spec, StoredResource(self, row), recovered), name="/".join(key))
        self._running[key] = task
        task.add_done_callback(lambda done: self._running.pop(key, None) if self._running.get(key) is done else None)

    async def _work(self, spec: ResourceSpec, resource: StoredResource, recovered: bool) -> None:
        try:
            await spec.hooks.run(resource, recovered=recovered)
        except Exception as error:
            logger.exception("%s %s", spec.kind, resource.name)
            if resource.exists and resource.status not in spec.settled and spec.failed_status:
                reason = f"InternalServerError: {type(error).__name__}: {error}"
                await saved(partial(resource.save, status=spec.failed_status, FailureReason=reason[:1024]))

    # -- refusals -------------------------------------------------------------------------------------------------

    def _exists(self, spec: ResourceSpec, identity: list[str], arn: str) -> AwsError:
        return AwsError(spec.exists.format(noun=spec.noun, arn=arn, name=identity[-1]), code=spec.exists_code)

    def _made_before(self, spec: ResourceSpec, request: Document, region: str) -> Document | None:
        """What an earlier request with the same client token made; raises where that request was another one."""
        token = request.get(spec.token_member or "")
        found = self.tokens.find(spec.kind, region, token) if token else None
        if found is None:
            return None
        arn, before = found
        if before != _text(request):
            raise ConflictError(
                f"{spec.token_member} {token!r} belongs to an earlier, different request, which made {arn}: give every "
                "request a token of its own."
            )
        row = self.store.by_arn(arn, spec.kind)
        assert row is not None
        return self.document(row)

    def _parent(self, spec: ResourceSpec, request: Document, region: str) -> str:
        """The name of the resource that a new one belongs to, which must exist."""
        value = str(request.get(spec.parent_member, ""))
        if not spec.parent_kind:
            return value
        parent = self.specs[spec.parent_kind]
        return self.find(parent, {parent.identity[-1]: value}, region).name

    async def _delete_children(self, spec: ResourceSpec, row: Row, context: Context) -> None:
        """Delete what goes along with its parent; refuse where something would be left behind."""
        kinds = [child for child in self.specs.values() if child.parent_kind == spec.kind and child.orphans != "keep"]
        for child in sorted(kinds, key=lambda child: child.orphans == "delete"):  # refusals come first
            limit = 1 if child.orphans == "refuse" else -1
            found = self.store.select(Selection(child.kind, row.region, parent=row.name, limit=limit))
            if found and child.orphans == "refuse":
                children = {"children": f"{child.noun}s", "child": found[0].arn}
                text = spec.in_use.format(noun=spec.noun, arn=row.arn, name=row.name, **children)
                raise AwsError(text, code=spec.in_use_code)
            for one in found:
                await self.delete(child, {child.identity[-1]: one.arn}, context)

    def _check_references(self, spec: ResourceSpec, request: Document, region: str) -> None:
        for reference in spec.references:
            target = self.specs[reference.kind]
            for name in _values(request, reference.path.split(".")):
                if not self.store.exists(target.kind, region, name):
                    self.find(target, {target.identity[-1]: name}, region)  # by ARN, or refused


def _text(request: Document) -> str:
    """A request as text, the same for equal requests."""
    return json.dumps(request, sort_keys=True)


def _values(value: Any, path: list[str]) -> list[str]:
    """All values at a dotted path in which `Name[]` steps into each item of a list."""
    if not path:
        return [value] if isinstance(value, str) else []
    step, rest = path[0], path[1:]
    inner = value.get(step.removesuffix("[]")) if isinstance(value, dict) else None
    if inner is None:
        return []
    if step.endswith("[]"):
        return [found for item in inner for found in _values(item, rest)]
    return _values(inner, rest)
