"""A specification for every resource type, read off the operations' names and shapes.

AWS derives its own Python SDK's resource classes from the same file in the same way (sagemaker-core's resource
extractor); what the names do not tell is overridden by the family files in `sageyard.sagemaker`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from sageyard.resources.spec import Reference, ResourceSpec
from sageyard.resources.wording import WORDING
from sageyard.wire.model import ServiceModel, Shape

SUCCESS = ("InService", "Completed", "Active", "Created", "Available", "ACTIVE", "COMPLETED", "CREATED", "Scheduled",
           "Ready", "Succeeded", "CreateCompleted", "CREATE_COMPLETED", "Running")  # fmt: skip
TOKENS = ("ClientRequestToken", "ClientToken")
VAGUE = {"Name", "JobName"}
"""Identity members that other types use for other things."""
NO_REFERENCES = {
    ("EdgePackagingJob", "ModelName"),  # names the packaged model, which nothing else has
    ("Model", "Containers[].ModelPackageName"),  # the model's own hooks look at the approval, too
    ("ModelPackage", "ModelPackageGroupName"),  # makes a version
}
"""Members that are named like another type's identity and mean something else."""
PLURALS = (("ies", "y"), ("ses", "s"), ("s", ""))


def words(noun: str) -> str:
    """`HyperParameterTuningJob` as `hyper-parameter-tuning-job`, `AutoMLJobV2` as `auto-ml-job-v2`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", noun).lower()


def derive(model: ServiceModel) -> dict[str, ResourceSpec]:
    """Every type that has a Create and a Describe operation, by kind."""
    created = [name.removeprefix("Create") for name in model.operations if name.startswith("Create")]
    specs = {kind: _spec(model, kind) for kind in sorted(created) if f"Describe{kind}" in model.operations}
    owners = _owners(specs)
    return {kind: _related(model, spec, owners) for kind, spec in specs.items()}


def _owners(specs: Mapping[str, ResourceSpec]) -> dict[str, str]:
    """The type that a member names: `EndpointConfigName` is the whole identity of EndpointConfig and of no other."""
    alone: dict[str, list[str]] = {}
    for kind, spec in specs.items():
        if len(spec.identity) == 1 and not spec.identity[0].endswith("Arn"):
            alone.setdefault(spec.identity[0], []).append(kind)
    return {member: kinds[0] for member, kinds in alone.items() if len(kinds) == 1 and member not in VAGUE}


def _related(model: ServiceModel, spec: ResourceSpec, owners: Mapping[str, str]) -> ResourceSpec:
    """With its parent (the outer part of its identity) and what else its Create request refers to."""
    create = model.input_shape(f"Create{spec.kind}")
    parent = spec.identity[0] if len(spec.identity) > 1 and spec.identity[0] in owners else ""
    references = tuple(
        Reference(path, owners[member])
        for path, member in _members(model, create)
        if member in owners
        and member not in (*spec.identity, parent)
        and owners[member] != spec.kind
        and (spec.kind, path) not in NO_REFERENCES
    )
    worded = replace(spec, **WORDING.get(spec.kind, {}))
    return replace(worded, references=references, parent_member=parent, parent_kind=owners.get(parent, ""))


def _members(model: ServiceModel, shape: Shape) -> Iterator[tuple[str, str]]:
    """Paths and names of a request's members, and of those of the structures that it lists."""
    for name, member in shape.get("members", {}).items():
        yield name, name
        found = model.shapes[member["shape"]]
        if found["type"] == "list":
            inner = model.shapes[found["member"]["shape"]]
            yield from ((f"{name}[].{deeper}", deeper) for deeper in inner.get("members", {}))


def _spec(model: ServiceModel, kind: str) -> ResourceSpec:
    create, describe = model.input_shape(f"Create{kind}"), model.input_shape(f"Describe{kind}")
    answer, wrapped = _answer(model, kind)
    identity = tuple(describe.get("required", ()))
    errors = model.errors(f"Describe{kind}")
    conflicts = model.errors(f"Create{kind}")
    exists_code = next((code for code in ("ResourceInUse", "ConflictException") if code in conflicts), "")
    arns = [name for name in model.output_shape(f"Create{kind}").get("members", {}) if name.endswith("Arn")]
    status_member, statuses = _status(model, kind, answer)
    active = [status for status in statuses if _moves(status)]
    succeeded = next((status for status in SUCCESS if status in statuses), "")

    def named(*endings: str) -> str:
        return next((status for status in statuses if status in endings), "")

    return ResourceSpec(
        kind=kind,
        identity=identity,
        generated=tuple(name for name in identity if name not in create.get("required", ())),
        arn_member=arns[0] if arns else f"{kind}Arn",
        arn_noun=_arn_noun(model, kind, arns),
        noun=words(kind).replace("-", " "),
        wrapped=wrapped,
        status_member=status_member,
        statuses=frozenset(statuses),
        initial_status=named("Creating", "InProgress", "Pending", "CREATING", "INPROGRESS", "PENDING") or succeeded,
        settled=frozenset(statuses) - frozenset(active),
        success_status=succeeded,
        failed_status=named("Failed", "FAILED", "CreateFailed", "CREATE_FAILED"),
        stop_status=named("Stopping", "STOPPING"),
        restartable=f"Start{kind}" in model.operations,
        update_status=named("Updating", "UPDATING"),
        not_found_code="ResourceNotFound" if "ResourceNotFound" in errors else "ValidationException",
        exists_code=exists_code or "ValidationException",
        name_member=_name(kind, identity, create),
        token_member=next((name for name in TOKENS if name in create.get("members", {})), None),
    )


def _name(kind: str, identity: tuple[str, ...], create: Shape) -> str:
    named = next((name for name in (f"{kind}Name", "Name") if name in create.get("members", {})), identity[-1])
    return "" if identity == (named,) else named


def _arn_noun(model: ServiceModel, kind: str, arns: list[str]) -> str:
    """What the pattern of the type's ARN says: an AutoMLJob is an `automl-job`, a Trial an `experiment-trial`."""
    for shape in filter(None, (model.member(model.output_shape(f"Create{kind}"), name) for name in arns)):
        if found := re.search(r":([a-z]+(?:-[a-z]+)*)\\?/", shape.get("pattern", "")):
            return found[1]
    return words(kind)


def _answer(model: ServiceModel, kind: str) -> tuple[Shape, str]:
    """What shows a resource: Describe's output, or the structure in it that is all of it or has the identity."""
    output = model.output_shape(f"Describe{kind}")
    identity = model.input_shape(f"Describe{kind}").get("required", ())
    for name, member in output.get("members", {}).items():
        inner = model.shapes[member["shape"]]
        if len(output["members"]) == 1 and inner["type"] == "structure":
            return inner, name
        if identity and all(one in inner.get("members", {}) and one not in output["members"] for one in identity):
            return inner, name
    return output, ""


def _status(model: ServiceModel, kind: str, answer: Shape) -> tuple[str | None, list[str]]:
    """The member that holds the type's own status, and that member's enum."""
    for name in (f"{kind}Status", f"{kind.removesuffix('V2')}Status", "Status", *answer.get("members", {})):
        shape = model.member(answer, name)
        if shape is not None and name.endswith("Status") and shape["type"] == "string" and "enum" in shape:
            return name, list(shape["enum"])
    return None, []


def _moves(status: str) -> bool:
    return status.upper() in {"INPROGRESS", "IN_PROGRESS", "PENDING", "ROLLINGBACK"} or status.lower().endswith("ing")


def listed_kind(plural: str, kinds: dict[str, ResourceSpec]) -> str | None:
    """The kind that `List<plural>` lists, or None: `TrainingJobs` is TrainingJob."""
    for ending, replacement in PLURALS:
        if plural.endswith(ending) and (kind := plural.removesuffix(ending) + replacement) in kinds:
            return kind
    return None
