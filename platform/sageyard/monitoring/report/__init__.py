"""The report of an execution: one HTML file that needs nothing else, read off the documents that the analysis wrote."""
