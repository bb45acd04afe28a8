"""The XGBoost image: `entrypoint.py train` and `entrypoint.py serve`."""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent / "toolkit")]


def main(arguments: list[str]) -> int:
    """Run one of the two commands of SageMaker's container contract; returns the exit status."""
    if arguments == ["train"]:
        from sagemaker_toolkit.training import train
        from xgboost_algorithm.training import run

        return train(run)
    if arguments == ["serve"]:
        from sagemaker_toolkit.serving import serve
        from xgboost_algorithm.serving import handler

        return serve(handler)
    print(f"unknown command {' '.join(arguments)!r}; there are train and serve", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
