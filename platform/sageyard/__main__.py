"""`python -m sageyard`: the `sageyard` command."""

from sageyard.cli import main

if __name__ == "__main__":
    main(prog_name="sageyard")
