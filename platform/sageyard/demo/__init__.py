"""`sageyard demo`: the whole loop on a real medical problem, in about a minute, through boto3 only.

A client like any other: it imports nothing of the server but the command that starts it. The steps are told one by
one with the SageMaker SDK in `notebooks/01_the_loop.ipynb`.
"""
