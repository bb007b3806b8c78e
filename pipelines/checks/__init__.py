"""What can be wrong with an ingested table, one kind of finding a file; the stage is `pipelines.check`."""
