"""What happens after each round of boosting: the metrics' line, the checkpoint, the model so far."""

from pathlib import Path
from typing import Any

from xgboost_algorithm.artifacts import CHECKPOINT, KEPT, save


def make_callbacks(xgboost: Any, checkpoints: Path | None, model: Path | None, start: int) -> list[Any]:
    """Callbacks for xgboost.train. `start` is the number of the first round (not 0 when resuming)."""

    class Report(xgboost.callback.TrainingCallback):  # type: ignore[misc]
        def after_iteration(self, _booster: Any, epoch: int, results: dict[str, dict[str, list[Any]]]) -> bool:
            # SageMaker's logs show the tabs of the original as #011, and its metric definitions expect just that
            scores = [
                f"#011{data}-{name}:{values[-1]:.5f}" for data, by in results.items() for name, values in by.items()
            ]
            if xgboost.collective.get_rank() == 0:
                print(f"[{start + epoch}]{''.join(scores)}", flush=True)
            return False

    class Keep(xgboost.callback.TrainingCallback):  # type: ignore[misc]
        def after_iteration(self, booster: Any, _epoch: int, _results: Any) -> bool:
            if checkpoints:
                last = booster.num_boosted_rounds() - 1
                save(booster, checkpoints / f"{CHECKPOINT}.{last}")
                (checkpoints / f"{CHECKPOINT}.{last - KEPT}").unlink(missing_ok=True)
            if model:
                save(booster, model)
            return False

    return [Keep(), Report()] if checkpoints or model else [Report()]
