"""GetSearchSuggestions: the property names that Search may be asked about."""

from collections.abc import Iterator

from sageyard.resources.engine import Engine
from sageyard.resources.spec import Context, Document
from sageyard.store.resources import Selection
from sageyard.wire.model import ServiceModel, Shape

NEWEST = 500
"""Resources whose hyperparameters, metrics and tags are looked at: names do not change from job to job."""
SUGGESTED = 1000
KINDS = {"ExperimentTrial": "Trial", "ExperimentTrialComponent": "TrialComponent"}
NAMED = ("HyperParameters", "Parameters", "Environment")


class Suggestions:
    """Names from the model's shape of the resource, and the keys seen in the newest resources."""

    def __init__(self, engine: Engine, model: ServiceModel) -> None:
        self.engine = engine
        self.model = model

    async def answer(self, request: Document, context: Context) -> Document:
        """Names that begin with the hint, which is all of them where there is none, in alphabetical order."""
        resource = str(request["Resource"])
        kind = KINDS.get(resource, resource)
        query = request.get("SuggestionQuery", {}).get("PropertyNameQuery", {})
        hint = query.get("PropertyNameHint", "").lower()
        names = {*self._modelled(kind), *self._seen(kind, context.region)}
        found = sorted(name for name in names if name.lower().startswith(hint))[:SUGGESTED]
        return {"PropertyNameSuggestions": [{"PropertyName": name} for name in found]}

    def _modelled(self, kind: str) -> Iterator[str]:
        record = self.model.shapes["SearchRecord"]["members"].get(kind)
        if record is None:
            return
        shape = self.model.shapes[record["shape"]]
        if kind == "Model":  # a dashboard entry: its properties are the model's own
            shape = self.model.shapes["Model"]
        yield from self._members(shape, "", ())

    def _members(self, shape: Shape, prefix: str, within: tuple[str, ...]) -> Iterator[str]:
        """Dotted names of all scalars in a structure, looking into lists of structures."""
        for name, reference in shape.get("members", {}).items():
            inner, shape_name = self.model.shapes[reference["shape"]], reference["shape"]
            if inner["type"] == "list":
                shape_name = inner["member"]["shape"]
                inner = self.model.shapes[shape_name]
            if inner["type"] != "structure":
                yield prefix + name
            elif shape_name not in within:
                yield from self._members(inner, f"{prefix}{name}.", (*within, shape_name))

    def _seen(self, kind: str, region: str) -> Iterator[str]:
        if kind not in self.engine.specs:
            return
        store = self.engine.store
        for row in store.select(Selection(kind, region, limit=NEWEST)):
            for member in NAMED:
                held = row.document.get(member)
                yield from (f"{member}.{key}" for key in held) if isinstance(held, dict) else ()
            metrics = row.document.get("FinalMetricDataList") or ()
            yield from (f"Metrics.{metric['MetricName']}" for metric in metrics if metric.get("MetricName"))
            yield from (f"Tags.{key}" for key, _ in store.tags(row.arn))
