"""A device at work: a bundle, the data beside it, and what keeps both in order.

The bundle is never written to. All that people add lies in the data folder: documents, accounts,
history, the log, keys. What is opened here is closed in the opposite order.
"""

import logging
import shutil
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from sfta_edge import __version__
from sfta_edge.accounts.accounts import Accounts
from sfta_edge.answer import Answerer
from sfta_edge.appliance import CONTEXT_TOKENS, BundleFiles, BundleInfo
from sfta_edge.audit.log import Audit
from sfta_edge.caller import Caller
from sfta_edge.documents.rules import ChunkSizes
from sfta_edge.egress import egress
from sfta_edge.history import History
from sfta_edge.kept_answers import AnswerKeeper
from sfta_edge.library.inbox import Inbox
from sfta_edge.library.indexing import open_writer
from sfta_edge.library.library import KNOWLEDGE, Library
from sfta_edge.library.page_images import PageImages
from sfta_edge.lock import DataLock
from sfta_edge.manifest import Manifest, verify_files
from sfta_edge.prompt import PromptContract
from sfta_edge.retriever import Retriever
from sfta_edge.settings import AnswerSettings
from sfta_edge.worker.models import WorkerFiles
from sfta_edge.worker.remote import RemoteEmbedder, RemoteEngine
from sfta_edge.worker.state import WorkerState
from sfta_edge.worker.supervisor import Supervisor

log = logging.getLogger("sfta_edge")
ORIGINALS = "documents"
"""Folder of a bundle with the files of its documents."""
_LEAST_FREE = 64 << 20
_FILES = "files"


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    """What the person who runs a device decides."""

    threads: int | None = None
    accounts: bool = True
    """Without them everybody who reaches the device is its admin."""
    history: bool = True
    unwritable: Literal["answer", "refuse"] = "answer"
    """What becomes of a question that the log cannot record."""
    memory_bytes: int | None = None
    """Most address space of the model's process."""
    inbox: Path | None = None
    """Folder whose files are taken in by themselves."""


@dataclass(frozen=True, slots=True)
class Device:
    """Everything that runs; `close` ends it."""

    info: BundleInfo
    data: Path
    answerer: Answerer
    embedder: RemoteEmbedder
    retriever: Retriever
    supervisor: Supervisor
    library: Library
    images: PageImages
    accounts: Accounts | None
    history: History
    audit: Audit
    keeper: AnswerKeeper
    started: float
    _resources: ExitStack = field(repr=False)

    @classmethod
    def open(cls, bundle: Path, data: Path, options: DeviceOptions | None = None) -> Self:
        """Check every file of the bundle, start the model's process, and open the data.

        Raises:
            IntegrityError: a file is missing, changed or not listed, or the data is damaged.
            ConfigError: another process works on the data, or settings are of another version.
            SftaError: the model cannot be loaded.
        """
        options = options or DeviceOptions()
        manifest = Manifest.read(bundle)
        info, files = BundleInfo.of(manifest), BundleFiles.of(bundle, manifest)
        verify_files(bundle, manifest)
        settings = AnswerSettings.from_facts(manifest.facts.get("answer", {}))
        with ExitStack() as stack:
            stack.enter_context(DataLock(data, "serve"))
            audit = _audit(stack, data, options)
            loaded = WorkerFiles(
                files.model, files.embedder, settings.context_tokens or CONTEXT_TOKENS,
                options.threads, cache=data / "cache" / "prefix",
                model_sha256=_digest(bundle, manifest, files.model),
            )  # fmt: skip
            supervisor = _supervisor(stack, loaded, audit, options)
            embedder = RemoteEmbedder(supervisor)
            retriever = _retriever(stack, data, files, embedder, settings.candidates)
            contract = PromptContract.read(files.prompt)
            answerer = Answerer(RemoteEngine(supervisor), retriever, contract, settings)
            history = stack.enter_context(_history(data, options))
            accounts = _accounts(stack, data, audit, history) if options.accounts else None
            rules = ChunkSizes.of(manifest.facts)
            library = stack.enter_context(Library(data, embedder, rules=rules))
            _watch_inbox(stack, library, options.inbox)
            images = PageImages(data / "cache" / "pages", [data / _FILES, bundle / ORIGINALS])
            keeper = AnswerKeeper(answerer, retriever, info.to_json(), history, audit)
            return cls(
                info, data, answerer, embedder, retriever, supervisor, library, images, accounts,
                history, audit, keeper, time.monotonic(), stack.pop_all(),
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the model's process and release the data."""
        self._resources.close()

    @property
    def failing(self) -> str:
        """Why the model does not answer; empty while it does."""
        state = self.supervisor.state
        return state.last_error or "the model does not start" if state.status == "down" else ""

    @property
    def degraded(self) -> tuple[str, ...]:
        """What is out of order now, as answers name it."""
        disk = shutil.disk_usage(self.data).free < _LEAST_FREE
        lost = ("embedder", "generator") if self.failing else ()
        return (("disk",) if disk else ()) + lost

    def status(self) -> dict[str, Any]:
        """For the people who run the device."""
        disk = shutil.disk_usage(self.data)
        documents = self.retriever.documents()
        return {
            "bundle": self.info.to_json(),
            "engine": self.supervisor.state.to_json(),
            "knowledge": {
                "documents": len(documents),
                "added_here": sum(document.file > 0 for document in documents),
                "chunks": len(self.retriever),
            },
            "disk": {"free_bytes": disk.free, "total_bytes": disk.total},
            "memory": {"worker_bytes": self.supervisor.state.rss_bytes},
            "offline": egress().to_json(),
            "audit": self.audit.health(),
            "degraded": list(self.degraded),
            "uptime_seconds": round(time.monotonic() - self.started),
            "version": __version__,
        }

    def gauges(self) -> dict[str, float]:
        """For `api.metrics`."""
        state, jobs = self.supervisor.state, self.library.jobs()
        return {
            "chunks": float(len(self.retriever)),
            "disk_free_bytes": float(shutil.disk_usage(self.data).free),
            "worker_up": float(state.status == "up"),
            "worker_restarts": float(state.restarts),
            "worker_resident_bytes": float(state.rss_bytes or 0),
            "jobs_waiting": float(sum(job.state in ("waiting", "running") for job in jobs)),
            "sealed": float(egress().sealed),
            "degraded": float(len(self.degraded)),
            "uptime_seconds": time.monotonic() - self.started,
        }


def _audit(stack: ExitStack, data: Path, options: DeviceOptions) -> Audit:
    audit = Audit(
        data / "audit", data / "keys" / "audit.pem",
        witness=data.parent / "audit.head", unwritable=options.unwritable,
    )  # fmt: skip
    stack.callback(audit.close)
    return audit


def _supervisor(
    stack: ExitStack, loaded: WorkerFiles, audit: Audit, options: DeviceOptions
) -> Supervisor:
    def changed(state: WorkerState) -> None:
        if state.last_error:
            log.warning("the model's process is %s. %s", state.status, state.last_error)
        audit.append("worker", {"status": state.status, "reason": state.last_error})

    supervisor = Supervisor.of_files(
        loaded, memory_bytes=options.memory_bytes, on_change=changed
    )
    return stack.enter_context(supervisor)


def _retriever(
    stack: ExitStack, data: Path, files: BundleFiles, embedder: RemoteEmbedder, candidates: int
) -> Retriever:
    # An empty file is a knowledge file: the search need not know whether there is one.
    open_writer(data / KNOWLEDGE, embedder.identity).close()
    found = Retriever([files.knowledge, data / KNOWLEDGE], embedder, candidates=candidates)
    return stack.enter_context(found)


def _history(data: Path, options: DeviceOptions) -> History:
    return History(data / "history.sqlite", enabled=options.history)


def _digest(bundle: Path, manifest: Manifest, path: Path) -> str:
    """SHA-256 of a file of the bundle, which was just compared with it."""
    return next(entry.sha256 for entry in manifest.files if bundle / entry.path == path)


def _accounts(stack: ExitStack, data: Path, audit: Audit, history: History) -> Accounts:
    def happened(kind: str, caller: Caller | None, facts: Mapping[str, Any]) -> None:
        if kind == "user_removed":
            # The name may be given to another person.
            history.forget(Caller(str(facts["name"])))
        audit.append(kind, {"user": caller.name if caller else "", **facts})

    return stack.enter_context(Accounts(data, on_event=happened))


def _watch_inbox(stack: ExitStack, library: Library, folder: Path | None) -> None:
    if folder is not None:
        inbox = Inbox(folder, library)
        inbox.start()
        stack.callback(inbox.close)
