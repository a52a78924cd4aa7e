"""Where a document stands, as a request says it, and who may say so."""

from collections.abc import Mapping
from typing import Any

from werkzeug.exceptions import BadRequest, Forbidden

from sfta_edge.caller import Caller


def place_of(body: Mapping[str, Any]) -> dict[str, str]:
    """What a body says of where a document stands.

    Raises:
        BadRequest: it says nothing, or not in the right form.
    """
    place: dict[str, str] = {}
    if (collection := body.get("collection")) is not None:
        if not isinstance(collection, str):
            raise BadRequest("collection must be a name")
        place["collection"] = collection
    if (access := body.get("access")) is not None:
        if not isinstance(access, list) or not all(map(_is_group, access)):
            raise BadRequest("access must be a list of the names of groups")
        place["access"] = ",".join(access)
    if not place:
        raise BadRequest("say the collection, or the groups that have access")
    return place


def _is_group(name: object) -> bool:
    # Nothing but a comma would name no group, and no group is everybody.
    return isinstance(name, str) and "," not in name and bool(name.strip())


def require_groups(caller: Caller, groups: frozenset[str]) -> None:
    """Check that a caller may give something to groups.

    Raises:
        Forbidden: one of them is not the caller's own.
    """
    foreign = groups - caller.groups
    if foreign and caller.role != "admin":
        raise Forbidden(
            f"you are not in the group {min(foreign)}, so you cannot give it anything"
        )
