"""Training jobs: a process or container that reads channels and leaves a model."""

from sageyard.errors import ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.spec import Context, Document, Hooks

MERGED = ("ProfilerConfig", "RemoteDebugConfig", "ResourceConfig")
"""Structures of which UpdateTrainingJob names some members, and leaves the others."""


def family(hooks: Hooks, engine: Engine) -> Family:
    """TrainingJob, on a runner."""

    async def update(request: Document, context: Context) -> Document:
        """UpdateTrainingJob: the profiler and remote debugging of a running job, or how long its warm pool is kept."""
        spec = engine.specs["TrainingJob"]
        row = engine.find(spec, request, context.region)
        if row.status in spec.settled and request.keys() & {"ProfilerConfig", "RemoteDebugConfig"}:
            raise ValidationError(spec.not_stoppable.format(noun=spec.noun, status=row.status, name=row.name))
        merged = {name: row.document.get(name, {}) | request[name] for name in MERGED if name in request}
        return await engine.update(spec, request | merged, context)

    return Family(
        overrides={
            "TrainingJob": {
                "hooks": hooks,
                "grade": "runs",
                "filters": {"WarmPoolStatusEquals": "WarmPoolStatus.Status"},
            }
        },
        functions={"UpdateTrainingJob": (update, "runs")},
    )
