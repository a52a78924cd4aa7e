"""The commands of sfta-edge: results on stdout, remarks on stderr, errors with an exit code."""

import json
import subprocess
import sys
import threading
import urllib.request

import pytest
from click.testing import CliRunner

from sfta_edge import __version__
from sfta_edge.cli import ask as ask_command
from sfta_edge.cli.main import COMMANDS, cli, main
from sfta_edge.errors import ConfigError, IntegrityError, ToolError
from sfta_edge.installation import install
from sfta_edge.reply import Answer, Citation


def run(*arguments):
    return CliRunner().invoke(cli, [str(a) for a in arguments], prog_name="sfta-edge")


def fresh(program):
    """Run a program in an interpreter of its own, with the same path."""
    setup = f"import sys; sys.path[:0] = {sys.path!r}\n"
    return subprocess.run(
        [sys.executable, "-c", setup + program], capture_output=True, text=True, check=False
    )


@pytest.fixture(name="root", scope="module")
def _root(tmp_path_factory, small_bundle, signing_key):
    """An installation with the small bundle in slot a."""
    root = tmp_path_factory.mktemp("installation")
    install(small_bundle, root, signing_key.public_key())
    return root


def answer(*citations, **changes):
    facts = {
        "question": "q",
        "answer": "every 2000 hours",
        "refused": False,
        "well_formed": True,
        "citations": citations,
        "completion": "c",
        "finish_reason": "stop",
    }
    return Answer(**(facts | changes))


GOOD = Citation(
    1, "changed every 2000 hours", True, False, "oil", "m.pdf", "Operator manual", 4
)
BAD = Citation(1, "every 3000 hours", False, False, "oil", "m.pdf", "Operator manual", 4)


def test_help_loads_nothing_heavy():
    done = fresh(
        "from sfta_edge.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'llama_cpp', 'flask', 'apsw', 'cryptography'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    assert done.returncode == 0, done.stderr
    assert "ask" in done.stdout


def test_every_command_is_listed_with_what_it_does():
    text = run("--help").stdout
    for name, meaning in COMMANDS.items():
        assert f"{name} " in text
        assert meaning in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example_on_a_line_of_its_own(name):
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"\n      sfta-edge {name}" in result.stdout


def test_the_version_is_that_of_the_package():
    assert run("--version").stdout.strip().endswith(__version__)


def test_an_unknown_command_is_a_usage_error():
    result = run("fly")
    assert result.exit_code == 2
    assert "fly" in result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("bad setting", hint="Change it."), 2),
        (IntegrityError("bad file", hint="Copy it."), 4),
        (ToolError("bad tool"), 5),
        (FileNotFoundError(2, "No such file", "x.tar"), 1),
    ],
)
def test_an_error_is_a_sentence_an_action_and_an_exit_code(monkeypatch, capsys, error, code):
    def fail(**_):
        raise error

    monkeypatch.setattr(cli, "main", fail)
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert "Traceback" not in captured.err
    if getattr(error, "hint", ""):
        assert f"hint: {error.hint}" in captured.err


def test_a_mistake_ends_a_real_process_with_its_code(tmp_path):
    program = (
        f"from sfta_edge.cli.main import main\nmain(['ask', 'x', '--root', {str(tmp_path)!r}])"
    )
    done = fresh(program)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: nothing is installed")


def test_asking_prints_the_answer_and_each_quote_with_its_place(capsys):
    ask_command.show(answer(GOOD, BAD))
    out, err = capsys.readouterr()
    assert out == (
        'every 2000 hours\n\nOperator manual, page 4\n  "changed every 2000 hours"\n'
    )
    assert "1 quote(s) do not stand" in err


def test_asking_warns_of_an_answer_without_support(capsys):
    ask_command.show(answer(BAD, finish_reason="length", dropped=("a", "b")))
    out, err = capsys.readouterr()
    assert out == "every 2000 hours\n"
    assert "do not rely on it" in err
    assert "cut off" in err
    assert "2 chunk(s)" in err


def test_a_refusal_is_printed_without_a_warning(capsys):
    ask_command.show(answer(answer="Not in the documents.", refused=True))
    assert capsys.readouterr() == ("Not in the documents.\n", "")


def test_the_installed_bundle_is_asked(root):
    result = run(
        "ask", "How often is the oil changed?", "--root", root, "--threads", 1, "--json"
    )
    assert result.exit_code == 0, result.stderr
    made = json.loads(result.stdout)
    assert made["bundle"]["name"] == "manuals"
    assert made["usage"]["completion_tokens"] > 0


def test_a_folder_can_be_asked_without_installing(small_bundle):
    result = run("ask", "How loud is it?", "--bundle", small_bundle, "--threads", 1)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip()
    assert "from manuals 3" in result.stderr


def test_status_says_which_bundle_answers(root):
    made = json.loads(run("status", "--root", root, "--json").stdout)
    assert made["active"] == "a"
    assert made["slots"]["a"]["name"] == "manuals"
    assert made["slots"]["a"]["active"] is True
    line = run("status", "--root", root).stdout
    assert line.startswith("a  answers  manuals 3")


def test_status_of_nothing_names_the_next_command(tmp_path):
    result = run("status", "--root", tmp_path)
    assert result.exit_code == 0
    assert "nothing is installed" in result.stdout
    assert "sfta-edge install" in result.stderr


def test_rollback_without_another_bundle_is_refused(root):
    result = run("rollback", "--root", root)
    assert isinstance(result.exception, ConfigError)
    assert "no other bundle" in str(result.exception)


def test_the_doctor_finds_a_healthy_device(root):
    result = run("doctor", "--root", root, "--threads", 1, "--json")
    findings = {f["part"]: f for f in json.loads(result.stdout)["findings"]}
    assert result.exit_code == 0, findings
    assert all(finding["ok"] for finding in findings.values())
    assert {"llama.cpp", "sqlite", "bundle", "signature", "answer"} <= set(findings)
    assert "tokens" in findings["answer"]["detail"]


def test_the_doctor_finds_that_nothing_is_installed(tmp_path):
    result = run("doctor", "--root", tmp_path)
    assert result.exit_code == 2
    assert "bundle     FAILED  nothing is installed" in result.stdout
    assert "Install a bundle" in result.stdout


def test_the_doctor_finds_a_changed_file(root, tmp_path, small_bundle):
    import os
    import shutil

    copy = tmp_path / "installation"
    shutil.copytree(root, copy, copy_function=os.link)
    prompt = copy / "slots/a/prompt.json"
    content = prompt.read_bytes()
    prompt.unlink()
    prompt.write_bytes(content.replace(b"Quote", b"quote"))
    result = run("doctor", "--root", copy)
    assert result.exit_code == 4
    assert "signature  FAILED  changed: prompt.json" in result.stdout


def test_serving_answers_until_it_is_asked_to_end(small_bundle, tmp_path):
    """The program as a service manager runs it."""
    setup = f"import sys; sys.path[:0] = {sys.path!r}\nfrom sfta_edge.cli.main import main\n"
    arguments = [
        "serve",
        "--bundle",
        str(small_bundle),
        "--port",
        "0",
        "--threads",
        "1",
        "--root",
        str(tmp_path),
        "--json",
    ]
    with subprocess.Popen(
        [sys.executable, "-c", f"{setup}main({arguments!r})"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        timer = threading.Timer(60, process.kill)
        timer.start()
        try:
            address = json.loads(process.stdout.readline())["addresses"][0]
            with urllib.request.urlopen(f"{address}readyz", timeout=20) as response:
                assert json.loads(response.read())["bundle"]["name"] == "manuals"
            with urllib.request.urlopen(address, timeout=20) as response:
                assert b"<title>Ask the documents</title>" in response.read()
        finally:
            timer.cancel()
            process.terminate()
        assert process.wait(20) == 0
        told = process.stderr.read()
        assert f"serving manuals on {address}" in told
        assert "One-time token: " in told


def test_a_device_without_accounts_listens_to_this_machine_alone(tmp_path, small_bundle):
    where = ["--bundle", small_bundle, "--root", tmp_path, "--host", "0.0.0.0"]  # noqa: S104 refused
    done = run("serve", "--no-accounts", *where)
    assert isinstance(done.exception, ConfigError)
    assert "make everybody on the network an admin" in str(done.exception)
    assert not (tmp_path / "data").exists()
