"""Start of the container: `python entrypoint.py`; everything else comes in environment variables."""

import os
import sys

from monitor_analyzer.job import main

if __name__ == "__main__":
    sys.exit(main(os.environ))
