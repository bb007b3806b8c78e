"""DVC stages, one module a stage: `python -m pipelines.<stage>`."""
