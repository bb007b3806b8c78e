"""Nets, their training, calibration and skill, the export that the engine serves, and the registry."""
