"""The training toolkit: `<entrypoint> train`.

With `sagemaker_program` the user's program runs as a child, its hyperparameters as arguments and the SM_* variables
in its environment; without it the image's own algorithm runs in this process. Source: aws/sagemaker-training-toolkit.
"""

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from sagemaker_toolkit import code, layout
from sagemaker_toolkit.environment import TrainingEnvironment
from sagemaker_toolkit.errors import ClientError, ProgramError

Algorithm = Callable[[TrainingEnvironment], None]


def train(algorithm: Algorithm | None = None) -> int:
    """Run the job; returns the exit status. Why it failed is in `/opt/ml/output/failure`, unless the user's program
    wrote that file itself; a job that succeeded leaves `/opt/ml/output/success`."""
    for folder in (layout.MODEL, layout.OUTPUT_DATA, layout.INTERMEDIATE):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        environment = TrainingEnvironment.read()
        if environment.program:
            _run_program(environment, environment.program)
        elif algorithm:
            os.environ.update(environment.variables())
            algorithm(environment)
        else:
            raise ClientError(
                "hyperparameter sagemaker_program is missing: this image has no algorithm of its own. Name the script "
                "there and its archive in sagemaker_submit_directory"
            )
    except ProgramError as error:
        return _failed(str(error), error.code)
    except ClientError as error:
        return _failed(f"ClientError: {error}", 1)
    except Exception as error:
        return _failed(f"{type(error).__name__}: {error}\n{traceback.format_exc()}", 1)
    layout.SUCCESS.touch()
    return 0


def _run_program(environment: TrainingEnvironment, program: str) -> None:
    code.bring(environment.source, layout.CODE)
    command = _command(program, environment.arguments())
    variables = {
        **os.environ,
        **environment.variables(),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(layout.CODE), os.environ.get("PYTHONPATH")])),
        "PYTHONUNBUFFERED": "1",
        "CURRENT_HOST": environment.current_host,
        "SAGEMAKER_JOB_NAME": str(environment.framework.get("sagemaker_job_name", "")),
        "SAGEMAKER_REGION": str(environment.framework.get("sagemaker_region") or os.environ.get("AWS_REGION", "")),
    }
    print("Invoking script with the following command:\n\n" + " ".join(command) + "\n", flush=True)
    status, output = code.run(command, layout.CODE, variables)
    if status:
        raise ProgramError("ExecuteUserScriptError", status, _last_error(output), command)


def _command(program: str, arguments: list[str]) -> list[str]:
    """A package (setup.py) runs as a module, a `.py` as a script, anything else as a shell command."""
    if (layout.CODE / "setup.py").is_file():
        code.install_package(layout.CODE)
        return [sys.executable, "-m", program.removesuffix(".py"), *arguments]
    path = layout.CODE / program
    if not path.is_file():
        raise ClientError(f"sagemaker_program {program!r} is not in {_names(layout.CODE)} of the submitted code")
    code.install_requirements(layout.CODE)
    if program.endswith(".py"):
        return [sys.executable, program, *arguments]
    path.chmod(path.stat().st_mode | 0o111)
    return ["/bin/sh", "-c", './"$0" "$@"', program, *arguments]


def _names(folder: Path) -> str:
    return str(sorted(path.name for path in folder.iterdir())[:20])


def _last_error(output: str) -> str:
    """The last traceback of a program's output, cut to what a FailureReason holds; its end says most."""
    _, mark, rest = output.rpartition("Traceback (most recent call last)")
    return (mark + rest)[-700:]


def _failed(reason: str, status: int) -> int:
    print(f"Reporting training FAILURE\n{reason}", file=sys.stderr, flush=True)
    if not layout.FAILURE.exists():
        layout.FAILURE.write_text(reason, "utf-8")
    return status
