"""How endpoints want a request spelled, told from what they answer."""

import pytest

from sfta.adapters.teacher_dialect import Dialect

BODY = {"model": "m", "messages": [], "temperature": 0.3, "max_tokens": 9}
SCHEMA = {"type": "object"}


def test_the_first_spelling_is_openais():
    sent = Dialect().spell(BODY, SCHEMA)
    assert sent["response_format"]["json_schema"] == {
        "name": "reply", "strict": True, "schema": SCHEMA}  # fmt: skip
    assert (sent["max_tokens"], sent["temperature"]) == (9, 0.3)
    assert BODY["max_tokens"] == 9


def test_a_reasoning_model_gets_its_own_name_of_the_limit_and_no_temperature():
    said = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    dialect = Dialect().after(400, said, schema=True)
    said = "Unsupported value: 'temperature' does not support 0.3 with this model."
    dialect = dialect.after(400, said, schema=True)
    sent = dialect.spell(BODY, None)
    assert sent == {"model": "m", "messages": [], "max_completion_tokens": 9}


def test_schemas_are_given_up_step_by_step():
    dialect, forms = Dialect(), []
    while dialect is not None:
        forms.append(dialect.spell(BODY, SCHEMA).get("response_format", {}))
        dialect = dialect.after(400, "response_format is not supported", schema=True)
    assert [form.get("type") for form in forms] == [
        "json_schema", "json_object", "json_object", None]  # fmt: skip
    assert ["schema" in form for form in forms] == [False, True, False, False]


@pytest.mark.parametrize(
    ("status", "text", "schema"),
    [
        (400, "no such model", True),
        (404, "response_format", True),
        (429, "response_format", True),
        (400, "response_format", False),
    ],
)
def test_other_errors_are_not_about_the_spelling(status, text, schema):
    assert Dialect().after(status, text, schema=schema) is None
