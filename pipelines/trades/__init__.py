"""Entries, terms of venues, and what policies make of them."""
