"""The AutoML image: `entrypoint.py analyze`, `train`, `insights` and `serve`."""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent / "toolkit")]


def main(arguments: list[str]) -> int:
    """Run one of the commands; returns the exit status."""
    if arguments == ["train"]:
        from automl_tabular.training import run
        from sagemaker_toolkit.training import train

        return train(run)
    if arguments == ["serve"]:
        from automl_tabular.serving import CandidateHandler
        from sagemaker_toolkit.serving import serve

        return serve(CandidateHandler)
    if arguments == ["analyze"]:
        from automl_tabular import processing
        from automl_tabular.analysis import run as analyze

        return processing.process(analyze)
    if arguments == ["insights"]:
        from automl_tabular import processing
        from automl_tabular.insights import run as insights

        return processing.process(insights)
    print(f"unknown command {' '.join(arguments)!r}; there are analyze, train, insights and serve", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
