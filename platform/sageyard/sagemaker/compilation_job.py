"""Compilation jobs. Records: nothing is compiled here, so a job fails and says so."""

from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.sagemaker.ended_first import EndedFirst


def family(engine: Engine) -> Family:
    """CompilationJob: deleted only when COMPLETED, FAILED or STOPPED (DeleteCompilationJob's documentation)."""
    spec = engine.specs["CompilationJob"]
    return Family(overrides={"CompilationJob": {"hooks": EndedFirst(spec.statuses - spec.settled)}})
