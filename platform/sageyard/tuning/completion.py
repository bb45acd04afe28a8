"""When a tuning job has found enough (API reference: TuningJobCompletionCriteria, ResourceLimits).

AWS's rule for convergence is not public. Ours: so many jobs in a row have not improved the objective.
"""

from sageyard.resources.spec import Document

SIGNIFICANT = 0.01
"""Share of the best objective by which a job must improve it to count as improving."""
CONVERGED = 10


def stale(values: list[float]) -> list[int]:
    """After each ended job, how many there were since one improved the best objective by more than 1%; better is
    smaller."""
    found: list[int] = []
    best = 0.0
    for value in values:
        improves = not found or best - value > SIGNIFICANT * abs(best)
        best = value if improves else best
        found.append(0 if improves else found[-1] + 1)
    return found


def reached(criteria: Document, values: list[float], sign: float) -> bool:
    """Whether the objectives of the ended jobs, in their order, are good enough or get no better."""
    if not values:
        return False
    target = criteria.get("TargetObjectiveMetricValue")
    patience = criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving")
    since = stale(values)[-1]
    converges = criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence") == "Enabled"
    return (
        (target is not None and min(values) <= sign * target)
        or (patience is not None and since >= patience)
        or (converges and since >= CONVERGED)
    )
