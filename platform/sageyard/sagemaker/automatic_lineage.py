"""Lineage written by itself, behind the changes that it follows from.

The schema notes changed resources in the transaction of the change (`store.lineage_pending`); this task writes their
lineage soon after, each resource in one transaction together with the note that it is done. A create thus waits for
nothing, and whatever a kill interrupts is written at the next start.
"""

import asyncio
import logging
from collections.abc import Callable

from sageyard.cloud import Metrics
from sageyard.resources.engine import Engine
from sageyard.resources.spec import ResourceSpec
from sageyard.sagemaker.deployment_lineage import DeploymentLineage
from sageyard.sagemaker.job_components import JobComponents
from sageyard.sagemaker.job_lineage import processing_lineage, training_lineage, transform_lineage
from sageyard.sagemaker.lineage_graph import LineageGraph
from sageyard.store.lineage_pending import LineagePending, Pending
from sageyard.store.resources import Row

logger = logging.getLogger(__name__)

DELAY = 0.02
"""Seconds in which changes gather: what starts and settles at once is written once."""
BATCH = 50
PATIENCE = 3
"""How much longer than it takes to write one resource's lineage requests have the event loop for themselves."""
Writer = Callable[[Row], object]


class AutomaticLineage:
    """One per server; `run` is its task."""

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self.engine = engine
        self.pending = LineagePending(engine.store.database)
        graph = LineageGraph(engine)
        components, deployments = JobComponents(engine, graph, metrics), DeploymentLineage(engine, graph)

        def transform(row: Row) -> None:
            model = engine.store.get("Model", row.region, row.document["ModelName"])
            components.write(row, transform_lineage(row, model.document if model else {}))

        self._writers: dict[str, Writer] = {
            "TrainingJob": lambda row: components.write(row, training_lineage(row)),
            "ProcessingJob": lambda row: components.write(row, processing_lineage(row)),
            "TransformJob": transform,
            "Model": deployments.model,
            "ModelPackageGroup": deployments.package_group,
            "ModelPackage": deployments.package,
            "Endpoint": deployments.endpoint,
        }
        self._changed = asyncio.Event()
        engine.watchers.append(self._notice)

    async def run(self) -> None:
        """Write whatever is pending, now and after every change; requests go first."""
        loop = asyncio.get_running_loop()
        while True:
            while entries := self.pending.oldest(BATCH):
                for entry in entries:
                    started = loop.time()
                    self._write(entry)
                    await asyncio.sleep(PATIENCE * (loop.time() - started))
            await self._changed.wait()
            self._changed.clear()
            await asyncio.sleep(DELAY)

    def _notice(self, spec: ResourceSpec, before: Row | None, after: Row | None) -> None:
        if spec.kind in self._writers:
            self._changed.set()

    def _write(self, entry: Pending) -> None:
        try:
            with self.engine.store.database.transaction():
                row = self.engine.store.get(entry.kind, entry.region, entry.name)
                if row is not None:
                    self._writers[entry.kind](row)
                self.pending.done(entry)
        except Exception:  # a resource that cannot be written must not keep the others waiting
            logger.exception("lineage of %s %s", entry.kind, entry.name)
            self.pending.done(entry)
