"""``GET /metrics``: what the device counts, as Prometheus reads it."""

import ipaddress
from collections.abc import Callable, Iterator, Mapping

from flask import Flask, Response, request
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from werkzeug.exceptions import Forbidden

from sfta_edge.api.calls import current_caller
from sfta_edge.reply import Answer

_SECONDS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)
Gauges = Callable[[], Mapping[str, float]]
"""Name, without the prefix ``sfta_``, to what it is now."""


class Metrics:
    """The counters of one device. Safe for threads."""

    def __init__(self, gauges: Gauges, info: Mapping[str, str]) -> None:
        """`gauges` is asked at each reading; `info` labels what answers."""
        self.registry = CollectorRegistry()
        self.registry.register(_Now(gauges, info))
        self._questions = Counter(
            "sfta_questions", "Questions by how they ended", ["outcome"], registry=self.registry
        )
        self._tokens = Counter(
            "sfta_tokens", "Tokens by kind", ["kind"], registry=self.registry
        )
        self._seconds = Histogram(
            "sfta_answer_seconds", "Time of an answer, waiting included", ["part"],
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip

    def answered(self, answer: Answer) -> None:
        """Count one answer."""
        outcome = "refused" if answer.refused else answer.finish_reason
        self._questions.labels("answered" if outcome == "stop" else outcome).inc()
        for kind, count in answer.usage.items():
            self._tokens.labels(kind.removesuffix("_tokens")).inc(count)
        for part, milliseconds in answer.timings_ms.items():
            self._seconds.labels(part).observe(milliseconds / 1000)

    def failed(self, outcome: str) -> None:
        """Count a question that has no answer: ``busy``, ``failed``, ``left``."""
        self._questions.labels(outcome).inc()

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self.registry)


class _Now(Collector):
    """What is read off at the moment of asking."""

    def __init__(self, gauges: Gauges, info: Mapping[str, str]) -> None:
        self._gauges, self._info = gauges, dict(info)

    def collect(self) -> Iterator[Metric]:
        told = GaugeMetricFamily("sfta_info", "What answers", labels=list(self._info))
        told.add_metric(list(self._info.values()), 1)
        yield told
        for name, value in sorted(self._gauges().items()):
            yield GaugeMetricFamily(f"sfta_{name}", name.replace("_", " "), value)


def add_metrics(app: Flask, metrics: Metrics) -> None:
    """Serve the counters to this machine and to whoever was let in; they name no document."""

    def view() -> Response:
        if not _is_here(request.remote_addr):
            current_caller()
        return Response(metrics.text(), content_type=CONTENT_TYPE_LATEST)

    app.add_url_rule("/metrics", endpoint="metrics", view_func=view)


def _is_here(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError as error:
        raise Forbidden("the address of this call is not known") from error
