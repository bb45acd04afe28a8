"""Lambda: invocations of Python functions, each in a process of its own."""
