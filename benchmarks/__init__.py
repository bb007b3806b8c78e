"""Benchmarks, each named by its unit of work; `make bench` runs them all."""
