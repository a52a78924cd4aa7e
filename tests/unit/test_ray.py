"""On a real Ray cluster of this machine the stages make the same bytes as without it."""

import os
import shutil
import socket
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

from ray_calls import divide, end, leave_mark, process, refuse
from sfta.adapters.hub import local_path
from sfta.adapters.teacher_asking import Request, ask_all
from sfta.adapters.teacher_gguf import GgufModelTeacher, LocalModel
from sfta.adapters.teacher_replies import ReplyFolder
from sfta.adapters.teacher_spread import SpreadTeacher
from sfta.core.config import build
from sfta.core.executor import LocalExecutor, executor_of
from sfta.core.stage import Runtime, run_stages
from sfta.recipe import Recipe
from sfta.stages import chunk, index, ingest
from sfta_edge.errors import ConfigError, ToolError
from small_line import DOCUMENT, QUICKSTART, SMOLLM2

TESTS = Path(__file__).parents[1]

# Not imported here: what makes a cluster private is read when Ray is imported.
if find_spec("ray") is None:
    pytest.skip("Ray is not installed: pip install 'sfta[ray]'", allow_module_level=True)
# Ray's own processes and sockets end when they end.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:.*:FutureWarning"),
]


@pytest.fixture(scope="module", name="executor")
def _executor():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        # The processes import what tests send to them.
        folders = [str(TESTS), os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(folders).rstrip(os.pathsep))
        for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"):
            patch.setenv(name, "")  # so that it is as before afterwards
        yield executor_of(Runtime(executor="ray", workers=2))
        import ray

        ray.shutdown()


def test_results_come_in_the_order_of_the_records(executor):
    assert list(executor.map(partial(pow, 2), range(20))) == [2**n for n in range(20)]


def test_calls_run_in_other_processes(executor):
    found = set(executor.map(process, range(20)))
    assert os.getpid() not in found
    assert executor.width == 2


def test_an_error_of_ours_is_said_as_if_it_had_happened_here(executor):
    with pytest.raises(ConfigError, match="record 7 is refused") as error:
        list(executor.map(refuse, [7]))
    assert type(error.value) is ConfigError
    assert error.value.hint == "Leave it out."
    assert str(error.value) == "record 7 is refused"


def test_a_defect_keeps_its_trace(executor):
    with pytest.raises(ZeroDivisionError, match="divide"):
        list(executor.map(divide, [0]))


def test_a_process_that_ends_is_an_error_of_the_cluster(executor):
    with pytest.raises(ToolError, match="a Ray worker failed"):
        list(executor.map(end, [1]))


def test_a_map_that_nobody_reads_on_begins_no_more_calls(executor, tmp_path):
    results = executor.map(leave_mark, [(tmp_path, n) for n in range(1000)])
    assert next(results) == 0
    results.close()
    assert next(executor.map(partial(pow, 2), [0])) == 1  # behind all that was begun
    assert len(list(tmp_path.iterdir())) < 50


def test_results_taken_one_by_one_leave_the_process_alive(executor):
    """Ray ended it when a finished call was cancelled; the race was lost once in many maps."""
    for _ in range(200):
        assert list(executor.map(partial(pow, 2), range(4))) == [1, 2, 4, 8]


def test_calls_that_wait_may_be_more_than_cores(executor):
    waiting = executor_of(Runtime(executor="ray"), waiting=8)
    assert waiting.width == 8
    assert list(waiting.map(str, range(8))) == list("01234567")


def recipe_over(folder, base):
    data = {
        "name": "test",
        "ingest": {"sources": ["documents"]},
        "chunk": {"max_tokens": 96},
        "model": {"base": base},
    }
    recipe = build(Recipe, data, name="test")
    recipe._root = folder
    return recipe


@pytest.mark.tools
def test_the_artifacts_have_the_same_digests_as_on_one_machine(executor, tmp_path):
    """Reading, cutting and embedding, each of them on two processes of the cluster."""
    (tmp_path / "documents").mkdir()
    shutil.copy(QUICKSTART / "documents" / DOCUMENT, tmp_path / "documents")
    (tmp_path / "documents" / "short.md").write_text("# Pump\n\nThe pump runs at 40 bar.\n")
    recipe = recipe_over(tmp_path, SMOLLM2)
    prepared = Path(os.environ.get("SFTA_CACHE", "~/.cache/sfta")).expanduser()
    made = {}
    for name in ("local", "ray"):
        cache = tmp_path / f"cache-{name}"
        cache.mkdir()
        for shared in ("models", "tools"):
            (cache / shared).symlink_to(prepared / shared)
        runtime = Runtime(tmp_path / f"runs-{name}", cache, workers=2, executor=name)
        artifacts = run_stages([ingest.STAGE, chunk.STAGE, index.STAGE], recipe, runtime)
        made[name] = {kind: artifact.digest for kind, artifact in artifacts.items()}
    assert made["ray"] == made["local"]


@pytest.mark.tools
def test_a_local_teacher_writes_the_same_on_the_cluster(executor, tmp_path):
    model = local_path(SMOLLM2, root=tmp_path)
    settings = LocalModel(model, context_tokens=512, max_output_tokens=12)
    asked = [
        Request([{"role": "system", "content": "Be brief."},
                 {"role": "user", "content": f"Ask about pump {number}."}])
        for number in range(4)
    ]  # fmt: skip
    found = {}
    for name, teacher in (
        ("here", GgufModelTeacher(settings, lanes=2)),
        ("cluster", SpreadTeacher(settings, executor)),
    ):
        replies = {}
        usage = ask_all(teacher, asked, ReplyFolder(tmp_path / name), replies.__setitem__)
        found[name] = replies, usage
    assert found["cluster"] == found["here"]
    assert all(reply.text for reply in found["here"][0].values())


@pytest.fixture(name="asked")
def _asked(executor, monkeypatch):
    """Options that Ray is started with; it is not started."""
    import ray

    asked = {}
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **options: asked.update(options))
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0})
    return asked


def test_a_cluster_that_is_not_there_is_an_error_with_advice(asked, monkeypatch):
    def unreachable(**_options):
        raise ConnectionError("Could not find any running Ray instance")

    monkeypatch.setattr("ray.init", unreachable)
    with pytest.raises(ToolError, match="Ray cannot be reached") as error:
        executor_of(Runtime(executor="ray"))
    assert "RAY_ADDRESS" in error.value.hint


def test_a_cluster_of_our_own_has_as_many_processes_as_workers(asked):
    executor_of(Runtime(executor="ray", workers=2))
    assert (asked["num_cpus"], asked["include_dashboard"]) == (2, False)


def test_a_cluster_of_others_is_taken_as_it_is(asked, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    executor_of(Runtime(executor="ray", workers=2))
    assert set(asked) == {"log_to_driver", "logging_level"}


def test_a_cluster_of_our_own_is_reached_by_nobody_else(executor):
    import ray

    address = ray.get_runtime_context().gcs_address
    host, _, port = address.rpartition(":")
    assert host == "127.0.0.1"
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}
    for other in others - {"127.0.0.1", "127.0.1.1"}:
        with socket.socket() as client:
            assert client.connect_ex((other, int(port))) != 0


def test_both_executors_promise_the_same():
    local = LocalExecutor(2)
    assert list(local.map(partial(pow, 2), range(20))) == [2**n for n in range(20)]
