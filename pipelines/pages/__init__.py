"""Reports as pages, charts and tables."""
