"""Who calls decides what may be done and which documents exist."""

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import Forbidden, Unauthorized

from sfta_edge.api.calls import current_caller, require, set_caller
from sfta_edge.caller import EVERYTHING, NOBODY, ROLES, Caller, View, groups_of

names = st.text(st.characters(exclude_characters=","), min_size=1).filter(str.strip)
groups = st.frozensets(names.map(str.strip))
collections = st.none() | st.frozensets(names)


@pytest.fixture(name="in_request")
def _in_request():
    with Flask("calls").test_request_context():
        yield


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("reader", {"reader"}),
        ("editor", {"reader", "editor"}),
        ("admin", {"reader", "editor", "admin"}),
    ],
)
def test_a_role_may_do_what_the_lesser_ones_may(role, allowed):
    assert {each for each in ROLES if Caller("x", role).may(each)} == allowed


@given(st.sampled_from(ROLES), groups, collections)
def test_only_an_admin_sees_documents_of_groups_without_being_in_them(role, mine, chosen):
    view = Caller("x", role, mine).view(chosen)
    assert view == View(None if role == "admin" else mine, chosen)


def test_who_is_let_in_without_a_word_may_read_and_is_in_no_group():
    assert Caller("x").view() == View(groups=frozenset())
    assert not Caller("x").may("editor")


def test_a_device_without_accounts_hides_nothing():
    assert NOBODY.may("admin")
    assert NOBODY.view() == EVERYTHING


@given(st.lists(names.map(str.strip)))
def test_the_groups_of_a_document_are_read_as_they_are_written(written):
    assert groups_of(",".join(written)) == set(written)
    assert groups_of(" , ".join(["", *written, " "])) == set(written)


@pytest.mark.parametrize("access", ["", " ", ",", " , ,"])
def test_a_document_that_names_no_group_is_for_everybody(access):
    assert groups_of(access) == frozenset()


def test_callers_cannot_be_changed_after_they_were_let_in():
    caller = Caller("x")
    with pytest.raises(AttributeError):
        caller.role = "admin"
    assert hash(caller) == hash(Caller("x"))


def test_without_accounts_everybody_is_nobody_and_may_all(in_request):
    assert current_caller() is NOBODY
    assert require("admin") is NOBODY


def test_who_was_not_let_in_is_told_to_log_in(in_request):
    set_caller(None)
    with pytest.raises(Unauthorized, match="log in") as caught:
        require("reader")
    assert ("WWW-Authenticate", "Bearer") in caught.value.get_headers()


@pytest.mark.parametrize("needed", ROLES)
@pytest.mark.parametrize("role", ROLES)
def test_a_lesser_role_is_refused_and_named(in_request, role, needed):
    caller = Caller("ida", role)
    set_caller(caller)
    if ROLES.index(role) >= ROLES.index(needed):
        assert require(needed) is caller
    else:
        with pytest.raises(Forbidden, match=f"needs the role {needed}; ida has {role}"):
            require(needed)


def test_one_request_does_not_remember_the_caller_of_another():
    app = Flask("calls")
    with app.test_request_context():
        set_caller(Caller("ida"))
        assert current_caller().name == "ida"
    with app.test_request_context():
        assert current_caller() is NOBODY
