"""A report on the terminal says which arm is better, by how much, and whether it may ship."""

from sfta.cli.report_screen import print_report

KEYS = (
    "token_f1",
    "contains",
    "exact_match",
    "refusal_f1",
    "over_refusal",
    "citation_recall",
    "quote_validity",
    "overall_f1",
)


def arm(label, value, **metrics):
    return {"label": label, "metrics": dict.fromkeys(KEYS, value) | metrics}


REPORT = {
    "arms": {
        "base_rag": arm("Base", 0.1, quote_validity=None),
        "raft_rag": arm("Trained", 0.4231, refusal_f1=0.6),
        "base_closed": arm("Closed", 0.9),
    },
    "differences": {
        "token_f1": {"value": 0.3231, "interval": [-0.01, 0.5]},
        "quote_validity": {"value": None, "interval": None},
    },
    "gates": [
        {"name": "min_token_f1", "bound": 0.5, "value": 0.4231, "passed": False},
        {"name": "min_refusal_f1", "bound": 0.35, "value": None, "passed": False},
        {"name": "max_over_refusal", "bound": 0.3, "value": 0.2, "passed": True},
    ],
    "n": {"questions": 12},
    "verdict": "It must not ship.",
}


def lines(capsys):
    print_report(REPORT, ("base_rag", "raft_rag"))
    return capsys.readouterr().out.splitlines()


def test_each_metric_stands_with_both_arms_and_the_interval_of_the_difference(capsys):
    (token_f1,) = [line.split(None, 3) for line in lines(capsys) if line.startswith("token_f1")]
    assert token_f1 == ["token_f1", "0.100", "0.423", "+0.323 [-0.010, +0.500]"]


def test_what_cannot_be_measured_is_a_dash_and_not_a_zero(capsys):
    (quotes,) = [line.split() for line in lines(capsys) if line.startswith("quote_validity")]
    assert quotes == ["quote_validity", "-", "0.423", "-"]


def test_only_the_two_arms_are_compared_and_the_questions_counted(capsys):
    out = "\n".join(lines(capsys))
    assert "12 questions" in out
    assert "Closed" not in out


def test_gates_and_verdict_end_the_screen(capsys):
    assert lines(capsys)[-4:] == [
        "gate min_token_f1 0.5: 0.423, not passed",
        "gate min_refusal_f1 0.35: -, not passed",
        "gate max_over_refusal 0.3: 0.200, passed",
        "It must not ship.",
    ]
