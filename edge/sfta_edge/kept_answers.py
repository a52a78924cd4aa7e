"""Answers as they are kept: for the person who asked, and in the log that accounts for them.

Whatever an answer depends on is recorded with it: the bundle, the device's own documents, the
settings, what the person could see. So it can be asked again under the same conditions.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import apsw

from sfta_edge.answer import Answerer
from sfta_edge.api.asked import Asked
from sfta_edge.audit.log import Audit
from sfta_edge.audit.replay import ANSWER, answered
from sfta_edge.caller import EVERYTHING, Caller, View
from sfta_edge.errors import IntegrityError
from sfta_edge.history import History
from sfta_edge.manifest import canonical_json
from sfta_edge.reply import Answer
from sfta_edge.retriever import Retriever
from sfta_edge.settings import AnswerSettings

log = logging.getLogger("sfta_edge")


class AnswerKeeper:
    """Keeps every answer, and asks recorded questions again. Threads may share it."""

    def __init__(
        self,
        answerer: Answerer,
        retriever: Retriever,
        bundle: Mapping[str, Any],
        history: History,
        audit: Audit,
    ) -> None:
        """`retriever` is the answerer's own; `bundle` is named as the Edge API names it."""
        self._answerer, self._retriever, self._bundle = answerer, retriever, bundle
        self._history, self._audit = history, audit

    def keep(self, asked: Asked, answer: Answer) -> Answer:
        """Record an answer and remember it for whoever asked; gives it with its id.

        Raises:
            AuditError: it cannot be recorded, and nothing may go on without its record.
        """
        facts = answer.to_json(self._bundle)
        told = {**facts, "question": asked.question}
        self._audit.append(ANSWER, answered(told, self._conditions(asked), _chunks(answer)))
        try:
            identity = self._history.add(asked.caller, asked.question, facts)
        except (apsw.FullError, apsw.IOError, apsw.ReadOnlyError) as error:
            # Whoever asks is answered, also while nothing can be remembered.
            log.warning("an answer is not in the history: %s", error)
            return replace(answer, degraded=tuple(sorted({*answer.degraded, "disk"})))
        return answer if identity is None else replace(answer, id=str(identity))

    def state(self) -> dict[str, Any]:
        """See `audit.replay.Replayer`."""
        return {
            "bundle": self._bundle["digest"],
            "knowledge": knowledge_state(self._retriever),
        }

    def again(self, question: str, conditions: Mapping[str, Any]) -> dict[str, Any]:
        """See `audit.replay.Replayer`."""
        settings = AnswerSettings.from_facts(conditions["settings"])
        again = Answerer(
            self._answerer.engine, self._answerer.retriever, self._answerer.contract, settings
        )
        answer = again.ask(question, view=_view_of(conditions["view"]), caller="replay")
        told = {**answer.to_json(self._bundle), "question": question}
        return answered(told, conditions, _chunks(answer))

    def _conditions(self, asked: Asked) -> dict[str, Any]:
        settings = self._answerer.settings
        if asked.strict is not None:
            settings = replace(settings, strict=asked.strict)
        told = asdict(settings)
        digest = hashlib.sha256(canonical_json(told)).hexdigest()
        who = {"user": asked.caller.name, "token": asked.caller.token}
        seen = {
            name: None if names is None else sorted(names)
            for name, names in asdict(asked.view).items()
        }
        return {
            **who, **self.state(), "settings": told, "settings_digest": digest, "view": seen,
        }  # fmt: skip


def knowledge_state(retriever: Retriever) -> str:
    """Digest of which documents can be found, and in which files: it changes with any of them."""
    listed = sorted((d.id, d.sha256, d.access, d.file) for d in retriever.documents(EVERYTHING))
    return hashlib.sha256(canonical_json(listed)).hexdigest()


def may_read(retriever: Retriever) -> Callable[[Caller, str], bool]:
    """What says whether a caller may read a document: ``(caller, document id)``."""

    def allowed(caller: Caller, document: str) -> bool:
        try:
            retriever.document(document, caller.view())
        except IntegrityError:
            return False
        return True

    return allowed


def _chunks(answer: Answer) -> list[str]:
    """What the model was given, best first."""
    dropped = set(answer.dropped)
    return [hit.chunk.id for hit in answer.hits if hit.chunk.id not in dropped]


def _view_of(told: Mapping[str, Any]) -> View:
    groups, collections = told["groups"], told["collections"]
    return View(
        None if groups is None else frozenset(groups),
        None if collections is None else frozenset(collections),
    )
