"""The one error that a job ends with."""


class AnalysisError(Exception):
    """The job cannot go on; the text names the cause and the way out and becomes the job's exit message."""
