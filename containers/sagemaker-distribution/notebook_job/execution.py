"""Executes a notebook with parameters by papermill, as Studio does (developer guide: Notebook jobs, constraints).

Hyperparameters of the job become the cell `injected-parameters`, behind the one tagged `parameters` or else at the top:
all texts, as hyperparameters are. The executed notebook is written after each cell, so that it is there whatever
happens.
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from notebook_job import layout

KERNEL_START = 60
"""Seconds in which a kernel must answer."""


def main() -> int:
    """Execute; the exit status. A failure is described in the failure file."""
    try:
        execute(os.environ["SM_INPUT_NOTEBOOK_NAME"], os.environ.get("SM_KERNEL_NAME") or "python3")
    except Exception as error:
        layout.FAILURE.write_text(described(error))
        print(layout.FAILURE.read_text(), file=sys.stderr)
        return 1
    return 0


def execute(name: str, kernel: str) -> None:
    """Execute the notebook of this name in the working directory."""
    import papermill
    from jupyter_client.kernelspec import KernelSpecManager

    parameters = json.loads(layout.PARAMETERS.read_text()) if layout.PARAMETERS.exists() else {}
    specs = KernelSpecManager()
    if kernel not in specs.find_kernel_specs():
        known = ", ".join(sorted(specs.find_kernel_specs())) or "none, as ipykernel is not installed"
        raise ValueError(f"There is no kernel {kernel!r} in this image: there are {known}")
    papermill.execute_notebook(
        name,
        str(layout.output_notebook(os.environ["SM_OUTPUT_NOTEBOOK_NAME"])),
        parameters=parameters,
        kernel_name=kernel,
        language=specs.get_kernel_spec(kernel).language,
        progress_bar=False,
        stdout_file=sys.stdout,
        stderr_file=sys.stderr,
        start_timeout=KERNEL_START,
    )


def described(error: Exception) -> str:
    """What went wrong, the exception of a failed cell first: the reader may see no more than 1024 characters."""
    if isinstance(error, ModuleNotFoundError):
        return f"{error}: a notebook job needs papermill and, for Python, ipykernel in its image"
    if hasattr(error, "exec_count") and hasattr(
        error, "ename"
    ):  # a cell raised it: papermill's PapermillExecutionError
        return f'Exception encountered at "In [{error.exec_count}]": {error.ename}: {error.evalue}\n{error}'
    return f"Exception during processing notebook: {type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main())
