"""What a resource type is: its specification, the handle on one resource, and the hooks behind it.

The engine answers Create, Describe, List, Update, Delete, Start and Stop of every resource type from a
`ResourceSpec` that `derive` reads off botocore's service model. A file in `sageyard.sagemaker` overrides what
differs and hangs real behaviour on `Hooks`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Document = dict[str, Any]
"""A JSON object as it goes over the wire: timestamps are epoch seconds, enums and ARNs are strings."""

Grade = Literal["runs", "simulated", "stored only", "refused"]


class Api(Protocol):
    """SageMaker's operations, called from inside exactly as a client would call them."""

    async def call(self, operation: str, request: Document, *, region: str) -> Document:
        """Validate, dispatch and answer; raises AwsError."""


class Resource(Protocol):
    """A handle on one stored resource, always showing its current row.

    `document` is what Describe answers before `Hooks.describe`; `private` is the server's own notes about it, never
    shown to clients. Both are copies: write through `save`.
    """

    kind: str
    region: str
    name: str
    arn: str

    @property
    def status(self) -> str: ...

    @property
    def document(self) -> Document: ...

    @property
    def private(self) -> Document: ...

    @property
    def tags(self) -> dict[str, str]: ...

    @property
    def exists(self) -> bool: ...

    def save(self, *, status: str | None = None, private: Document | None = None, **members: Any) -> None:
        """Merge members into the document (None removes one) and keys into `private`, set the status, bump
        LastModifiedTime; one transaction, durable on return. Event-loop thread only. A status that the spec's enum
        does not list raises ValueError; saving a deleted resource raises LookupError."""

    def remove(self) -> None:
        """Delete the row and its tags: the last act of a resource that was Deleting."""


@dataclass(frozen=True, slots=True)
class Context:
    """Who asks, for hooks that check a request before anything is stored."""

    region: str
    account_id: str
    now: float
    api: Api
    tags: dict[str, str] = field(default_factory=dict)
    """Those that a Create request gives."""


class Hooks:
    """Real behaviour of a resource type; override what applies. All run in the event loop.

    `run` drives a resource from the status that Create gave it to a settled one. The engine starts it as a task after
    the row is durable, and again at server start for every resource whose status is not settled (`recovered=True`). It
    is cancelled when the server shuts down: clean up on CancelledError, and leave the row telling the truth.
    An exception out of `run` is the hook author's bug; the engine then saves the spec's failed status with it as
    FailureReason.
    """

    def identify(self, request: Document) -> str | None:
        """A generated identity that follows from the request, so that equal requests collide; None: a random one."""
        return None

    async def prepare(self, request: Document, context: Context) -> Document:
        """Refuse (raise AwsError) or complete a validated Create request; returns the document members to store."""
        return request

    def created(self, resource: Resource) -> None:
        """The row is written: write what belongs to it, such as a first version, in the same transaction."""

    async def run(self, resource: Resource, *, recovered: bool = False) -> None:
        """Do the work that Create (or Start) asked for."""

    async def stop(self, resource: Resource) -> None:
        """Stop was accepted and the status is Stopping: make the running work end. `run` reports the end."""

    async def prepare_update(self, resource: Resource, request: Document, context: Context) -> Document:
        """Refuse or complete an Update; returns the members to merge."""
        return request

    async def updated(self, resource: Resource) -> None:
        """The update is durable: carry it out. Long work belongs to a task of the hook's own."""

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        """Refuse a Delete."""

    async def deleted(self, resource: Resource) -> None:
        """The resource is Deleting (where it has that status: end with `resource.remove()`) or gone."""

    def describe(self, resource: Resource, document: Document) -> Document:
        """What Describe answers; members set to None are left out."""
        return document

    def summarize(self, resource: Resource, document: Document) -> Document:
        """What the resource's entry in a List is taken from."""
        return document


@dataclass(frozen=True, slots=True)
class Reference:
    """A request member that must name an existing resource of another type; `path` is dotted, `[]` for lists."""

    path: str
    kind: str


def lowered(identity: list[str]) -> str:
    """AWS writes names in SageMaker ARNs in lower case."""
    return "/".join(identity).lower()


@dataclass(frozen=True, slots=True)
class ResourceSpec:
    """One resource type. Everything here is derived from the service model unless a family file overrides it.

    Texts may use {noun} (`endpoint configuration`), {name} and {arn}.
    """

    kind: str
    """SageMaker's noun: `TrainingJob`."""
    identity: tuple[str, ...]
    """Members that identify it, outermost first: `("TrainingJobName",)`, `("DomainId", "UserProfileName")`."""
    arn_member: str
    """`TrainingJobArn`."""
    arn_noun: str
    """ARN resource part: `training-job`."""
    noun: str
    """As AWS writes it in messages: `training job`."""
    arn_path: Callable[[list[str]], str] = lowered
    """What follows the noun in the ARN, from the values of the identity."""
    wrapped: str = ""
    """The one member of Describe's answer that holds the whole document: `Workteam`."""
    generated: tuple[str, ...] = ()
    """Identity members that the server makes up, such as `DomainId`."""
    status_member: str | None = None
    statuses: frozenset[str] = frozenset()
    initial_status: str = ""
    settled: frozenset[str] = frozenset()
    """Statuses from which nothing moves by itself."""
    success_status: str = ""
    failed_status: str = ""
    stop_status: str = ""
    restartable: bool = False
    """Has a Start operation: a notebook instance, unlike a job, is stopped at rest and started again."""
    update_status: str = ""
    delete_status: str = ""
    """The in-progress status, where AWS has one and there is work to do; else the row is gone at once."""
    not_found_code: str = "ResourceNotFound"
    not_found: str = 'Could not find {noun} "{arn}".'
    exists_code: str = "ResourceInUse"
    exists: str = 'Cannot create already existing {noun} "{arn}".'
    not_stoppable: str = "The request was rejected because the {noun} is in status {status}."
    references: tuple[Reference, ...] = ()
    name_member: str = ""
    """The member that lists call the name, where that is not the whole identity: a domain's is DomainName."""
    parent_member: str = ""
    """A required member of Create that names the parent, by which the store then finds the children."""
    parent_kind: str = ""
    """The parent's type: one of that name must exist."""
    orphans: Literal["refuse", "delete", "keep"] = "refuse"
    """What deleting the parent does to resources of this type: it is refused, takes them along, or leaves them."""
    in_use_code: str = "ResourceInUse"
    in_use: str = "Cannot delete {noun} {arn}, which still has {children}: delete {child} and all others first."
    token_member: str | None = None
    """The member of Create that tells a repeated request from a second one: `ClientRequestToken`."""
    filters: Mapping[str, str] = field(default_factory=dict)
    """Members of a List request that must equal something else than the member of their name: `Source.SourceUri`."""
    hooks: Hooks = field(default_factory=Hooks)
    grade: Grade = "stored only"
