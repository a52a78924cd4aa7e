"""Every number of a report is defined on the reference page."""

from pathlib import Path

import pytest

from sfta.evaluation.aggregate import METRICS
from sfta.evaluation.baselines import BASELINES

PAGE = (Path(__file__).parents[2] / "docs/reference/metrics.md").read_text("utf-8")


@pytest.mark.parametrize("key", [metric.key for metric in METRICS] + list(BASELINES))
def test_every_metric_and_baseline_is_defined(key):
    assert f"`{key}`" in PAGE


def test_definitions_name_their_sources():
    for source in ("SQuAD 2.0", "Lin 2004", "2409.11242", "Järvelin", "Koehn 2004", "McNemar"):
        assert source in PAGE
