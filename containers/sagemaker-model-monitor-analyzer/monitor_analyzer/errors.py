"""The one error that a job ends with, and the one that makes it read its data again."""


class AnalysisError(Exception):
    """The job cannot go on; the text names the cause and the way out and becomes the job's exit message."""


class Uneven(Exception):
    """The dataset is not what its first rows promised, and cannot be read in portions.

    If `texts` names columns, it can once these are read as text.
    """

    def __init__(self, reason: str, texts: frozenset[str] = frozenset()) -> None:
        super().__init__(reason)
        self.texts = texts
