"""What runs inside a release: with its files, in its environment, in a process that the pipeline starts."""
