"""TrainingJobEarlyStoppingType Auto: a job that is behind the others so far is stopped (developer guide: Stop Training
Jobs Early; Golovin et al., 2017, median stopping rule)."""

from statistics import fmean, median

from sageyard.tuning.progress import Progress


def falls_behind(job: Progress, others: list[Progress]) -> bool:
    """Whether the job's newest value is worse than the median of the running averages that the jobs completed before
    it had at the same epoch."""
    epochs = len(job.values)
    averages = [fmean(other.values[:epochs]) for other in others if other.completed and len(other.values) >= epochs]
    return bool(averages) and job.values[-1] > median(averages)
