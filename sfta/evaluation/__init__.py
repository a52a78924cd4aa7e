"""Measuring a model: questions, arms, metrics, statistics and the report."""
