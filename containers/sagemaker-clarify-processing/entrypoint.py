"""Start of the container: `python entrypoint.py`; everything else comes in files below /opt/ml.

With the argument `serve-explainer` it is the explainer beside an endpoint, and everything comes in variables.
"""

import os
import sys

if __name__ == "__main__":
    if sys.argv[1:] == ["serve-explainer"]:
        from clarify_processing.explainer_server import main
    else:
        from clarify_processing.job import main
    sys.exit(main(os.environ))
