"""The call that is being answered: who makes it, and what it may do."""

from flask import g
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from sfta_edge.caller import NOBODY, Caller, Role


def set_caller(caller: Caller | None) -> None:
    """Remember who makes the current request; None: somebody who was not let in."""
    g.sfta_caller = caller


def known_caller() -> Caller | None:
    """Who makes the current request; None: somebody who was not let in."""
    caller: Caller | None = g.get("sfta_caller", NOBODY)
    return caller


def current_caller() -> Caller:
    """Who makes the current request; on a device without accounts `NOBODY`.

    Raises:
        Unauthorized: 401, the caller was not let in.
    """
    caller = known_caller()
    if caller is None:
        # RFC 9110 wants a scheme with every 401; this one makes no browser ask for a password.
        raise Unauthorized(
            "log in first, or send a token", www_authenticate=WWWAuthenticate("bearer")
        )
    return caller


def require(role: Role) -> Caller:
    """The caller, who may do what a role may.

    Raises:
        Unauthorized: 401, as `current_caller`.
        Forbidden: 403, the caller's role is a lesser one.
    """
    caller = current_caller()
    if not caller.may(role):
        raise Forbidden(f"this needs the role {role}; {caller.name} has {caller.role}")
    return caller
