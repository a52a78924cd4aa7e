"""The whole device over HTTP: questions, documents, people, log, status."""

from http import HTTPStatus

from flask import Flask, Response, jsonify, request

from sfta_edge.api.accounts import add_accounts
from sfta_edge.api.admission import AdmissionSettings
from sfta_edge.api.asking import Desk, ServeLimits
from sfta_edge.api.audit import add_audit
from sfta_edge.api.backup import add_backup
from sfta_edge.api.calls import known_caller, require
from sfta_edge.api.documents import add_documents
from sfta_edge.api.embeddings import add_embeddings
from sfta_edge.api.history import add_history
from sfta_edge.api.metrics import Metrics, add_metrics
from sfta_edge.api.updates import add_updates
from sfta_edge.app import asking_app, bare_app
from sfta_edge.device import Device
from sfta_edge.kept_answers import may_read
from sfta_edge.updates.updates import Updates

_DOCUMENTS = "/v1/documents"
_RECORDED = {"POST": "document_added", "PATCH": "document_moved", "DELETE": "document_removed"}


def device_app(
    device: Device,
    limits: ServeLimits,
    admission: AdmissionSettings | None = None,
    updates: Updates | None = None,
) -> Flask:
    """The application of a device.

    Args:
        device: is closed by whoever opened it.
        limits: what clients may ask of it.
        admission: how requests reach it, and how many.
        updates: of the installation that it runs from, if it does.
    """
    app = bare_app(limits)
    add_accounts(app, device.accounts, admission)
    metrics = Metrics(device.gauges, {"bundle": device.info.name, "digest": device.info.digest})
    desk = Desk(
        device.answerer, device.info, limits, device.keeper, metrics.answered, metrics.failed
    )
    asking_app(app, desk, lambda: device.failing)
    add_documents(
        app, device.library, device.retriever, device.images, file_bytes=limits.file_bytes
    )
    add_embeddings(app, device.embedder, device.info.name)
    add_history(app, device.history, may_read(device.retriever))
    add_audit(app, device.audit, lambda: None if device.failing else device.keeper)
    add_backup(app, device.data, lambda user: device.audit.append("backup", {"user": user}))
    add_updates(app, updates)
    add_metrics(app, metrics)
    _add_status(app, device)
    _record_changes(app, device)
    return app


def _record_changes(app: Flask, device: Device) -> None:
    """Who has added, moved or removed which document stands in the log."""

    def record(response: Response) -> Response:
        changes = request.method in _RECORDED and request.path.startswith(_DOCUMENTS)
        caller = known_caller()
        if changes and caller is not None and response.status_code < HTTPStatus.BAD_REQUEST:
            added = request.method == "POST"
            which = (
                request.args.get("name", "") if added else request.path[len(_DOCUMENTS) + 1 :]
            )
            facts = {"user": caller.name, "document": which}
            if request.method == "PATCH":
                now = response.get_json()
                facts |= {"collection": now["collection"], "access": now["access"]}
            device.audit.append(_RECORDED[request.method], facts)
        return response

    app.after_request(record)


def _add_status(app: Flask, device: Device) -> None:
    def status() -> Response:
        require("admin")
        return jsonify(device.status())

    app.add_url_rule("/v1/status", "status", status)
