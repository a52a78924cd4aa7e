"""The encrypted backup as a download, for admins."""

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from flask import Flask, Response
from werkzeug.exceptions import Conflict

from sfta_edge.api.calls import require
from sfta_edge.backup.keys import PUBLIC_KEY, load_public
from sfta_edge.backup.writing import stream_backup
from sfta_edge.errors import SftaError

log = logging.getLogger("sfta_edge")
NAME = "device.sfta-backup"


def add_backup(
    app: Flask, data: Path, on_backup: Callable[[str], object] = lambda _user: None
) -> None:
    """Add ``/v1/backup``.

    Args:
        app: the application.
        data: folder that is backed up.
        on_backup: told who takes a backup, before it begins; what the audit log is told.
    """
    service = _Service(data, on_backup)
    app.add_url_rule("/v1/backup", "backup", service.download, methods=["POST"])


class _Service:
    """The endpoint; one backup at a time, because each needs room for a copy of the databases."""

    def __init__(self, data: Path, on_backup: Callable[[str], object]) -> None:
        self._data, self._on_backup = data, on_backup
        self._one_at_a_time = threading.Lock()

    def download(self) -> Response:
        caller = require("admin")
        key = self._data / PUBLIC_KEY
        if not key.is_file():
            raise Conflict("no backup key is set up: sfta-edge backup --new-key FILE")
        recipient = load_public(key)
        if not self._one_at_a_time.acquire(blocking=False):
            raise Conflict("another backup is being made")
        try:
            self._on_backup(caller.name)
            blocks = stream_backup(self._data, recipient)
            # What can fail fails before the headers are sent; later only the missing end tells.
            first = next(blocks)
        except BaseException:
            self._one_at_a_time.release()
            raise
        response = Response(self._sent(first, blocks), mimetype="application/octet-stream")
        response.headers["Content-Disposition"] = f'attachment; filename="{NAME}"'
        response.call_on_close(blocks.close)
        response.call_on_close(self._one_at_a_time.release)
        return response

    def _sent(self, first: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
        yield first
        try:
            yield from blocks
        except SftaError as error:
            # Cut off, so that nobody takes it for whole: it has no last block.
            log.error("the backup was cut off: %s", error)  # noqa: TRY400 no defect
            raise
