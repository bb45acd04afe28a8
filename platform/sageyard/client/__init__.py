"""What runs inside the user's own processes, never inside the server.

This directory, and nothing else of the package, goes on the user's PYTHONPATH (`sageyard.environment`). Its
modules need only the standard library and a botocore client, and run on Python 3.8 and newer.
"""
