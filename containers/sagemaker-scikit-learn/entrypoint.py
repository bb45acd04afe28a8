"""The scikit-learn image: `entrypoint.py train` and `entrypoint.py serve`; processing jobs bring their own."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "toolkit"))


def main(arguments: list[str]) -> int:
    """Run one of the two commands of SageMaker's container contract; returns the exit status."""
    if arguments == ["train"]:
        from sagemaker_toolkit.training import train

        return train()
    if arguments == ["serve"]:
        from sagemaker_toolkit.serving import serve

        sys.path.insert(0, str(Path(__file__).resolve().parent))
        from sklearn_defaults import handler

        return serve(handler)
    print(f"unknown command {' '.join(arguments)!r}; there are train and serve", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
