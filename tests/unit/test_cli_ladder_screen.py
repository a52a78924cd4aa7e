"""A ladder on a terminal: every rung, what it costs, and what to ship."""

from sfta.cli.ladder_screen import print_ladder

LIMIT = {"mean_kl": 0.1, "top1": 0.9, "greedy": 0.0}


def rung(scheme, kl):
    return {"scheme": scheme, "mean_kl": kl, "top1": 0.97, "greedy": 0.5, "tolerance": LIMIT}


def scheme(name, size, f1, change=None, lost=()):
    differences = {"overall_f1": change} if change else {}
    metrics = {"overall_f1": {"value": f1, "interval": None}}
    facts = {"scheme": name, "size": size, "questions": 127, "metrics": metrics}
    return facts | {"differences": differences, "lost": list(lost)}


RECORD = {
    "verdict": "Q8_0 is the smallest.",
    "parity": [rung("adapter", 1.5e-6), rung("F16", 2e-6), rung("Q8_0", 0.003),
               rung("Q2_K", 1.2)],
    "schemes": [
        scheme("F16", 200_000_000, 0.5),
        scheme("Q8_0", 100_000_000, 0.49, {"value": -0.01, "interval": [-0.03, 0.01]}),
        scheme("Q2_K", 40_000_000, None, {"value": None, "interval": None}, ["token_f1"]),
    ],
    "beside": [],
}  # fmt: skip


def test_each_rung_has_a_line_in_the_order_of_the_ladder(capsys):
    print_ladder(RECORD)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["adapter", "F16", "Q8_0", "Q2_K"]
    assert lines[-1] == "Q8_0 is the smallest."


def test_a_line_says_size_divergence_and_change_with_its_interval(capsys):
    print_ladder(RECORD)
    _, adapter, _, q8, q2, _ = capsys.readouterr().out.splitlines()
    assert adapter.split() == ["adapter", "1.5e-06", "97.0%", "50%"]
    assert "100  0.003" in q8
    assert "127" in q8
    assert "0.490" in q8
    assert "-0.010 [-0.030, 0.010]" in q8
    assert q2.rstrip().endswith("token_f1")


def test_what_was_asked_beside_stands_in_its_place(capsys):
    """The merged model has no divergence from itself: its cells are empty."""
    more = [{**scheme("merged", 270_000_000, 0.5), "questions": 40},
            {**scheme("adapter", 280_000_000, 0.48), "questions": 40}]  # fmt: skip
    print_ladder(RECORD | {"beside": more})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["adapter", "merged", "F16"]
    assert lines[1].split() == ["adapter", "280", "1.5e-06", "97.0%", "50%", "40", "0.480"]
    assert lines[2].split() == ["merged", "270", "40", "0.500"]
