"""What the files of the containers promise; test_containers_run.py runs the image of the device."""

import configparser
import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "containers"
IMAGES = ("edge", "export", "train")
CLUSTER = ("edge.yaml", "train-job.yaml")
MOVING = re.compile(r":latest\b")


def instructions(image):
    """Name and argument of every instruction, continued lines joined."""
    text = (FOLDER / image / "Containerfile").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def arguments(image, name):
    return [rest for word, rest in instructions(image) if word == name]


def manifests(name):
    return list(yaml.safe_load_all((FOLDER / "kubernetes" / name).read_text("utf-8")))


def of_kind(name, kind):
    (found,) = (each for each in manifests(name) if each["kind"] == kind)
    return found


def pod(name):
    """Labels and specification of the pods that a file makes."""
    (found,) = (each for each in manifests(name) if each["kind"] in ("Deployment", "Job"))
    return found["spec"]["template"]["metadata"]["labels"], found["spec"]["template"]["spec"]


def quadlet(name):
    """Sections of a unit; a key that stands there twice has a line for each value."""
    parser = configparser.RawConfigParser(
        dict_type=Repeated, strict=False, delimiters="=", comment_prefixes="#"
    )
    parser.optionxform = str
    parser.read_string((FOLDER / "quadlet" / name).read_text("utf-8"))
    return parser


class Repeated(dict):
    """Keeps what a second value would replace."""

    def __setitem__(self, key, value):
        if isinstance(value, list) and key in self:
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_a_user_without_rights(image):
    last = [word for word, _ in instructions(image)][::-1].index("USER")
    after = instructions(image)[-last:]
    assert arguments(image, "USER") == ["10001:10001"]
    assert "RUN" not in [word for word, _ in after]


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_names_no_moving_base(image):
    (base,) = arguments(image, "FROM")
    default = next(rest for rest in arguments(image, "ARG") if rest.startswith("BASE_IMAGE="))
    assert base == "${BASE_IMAGE}"
    assert not MOVING.search(default)
    assert re.search(r"=[\w./-]+:[\w.-]+$", default), "a base has a version"


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_says_what_it_is(image):
    (labels,) = arguments(image, "LABEL")
    found = dict(part.split("=", 1) for part in shlex.split(labels))
    prefix = "org.opencontainers.image."
    assert found[f"{prefix}title"] == f"sfta-{image}"
    assert found[f"{prefix}licenses"] == "Apache-2.0"
    for name in ("description", "version", "revision", "base.name"):
        assert found[prefix + name]


@pytest.mark.parametrize("image", IMAGES)
def test_nothing_but_the_bill_of_materials_is_copied_into_an_image(image):
    assert arguments(image, "COPY") == ["sbom.json /usr/share/sfta/sbom.json"]
    assert not arguments(image, "ADD")
    mounts = re.findall(r"--mount=(\S+)", " ".join(arguments(image, "RUN")))
    assert {dict(p.split("=") for p in m.split(","))["source"] for m in mounts} == {
        "wheels",
        "constraints.txt",
    }


@pytest.mark.parametrize("image", IMAGES)
def test_changed_wheels_are_not_taken_from_the_builders_cache(image):
    words = [word for word, _ in instructions(image)]
    assert words.index("COPY") < words.index("RUN")


@pytest.mark.parametrize("image", IMAGES)
def test_no_secret_stands_in_an_image(image):
    given = " ".join(arguments(image, "ENV") + arguments(image, "ARG"))
    assert not re.search(r"(?i)(token|secret|password|passwd|api_?key|credential)", given)


def test_the_image_of_the_device_has_no_installer_and_a_health_check():
    (run,) = arguments("edge", "RUN")
    assert "pip uninstall" in run
    (check,) = arguments("edge", "HEALTHCHECK")
    assert "/healthz" in check


def test_an_upload_that_arrives_waits_on_the_volume_and_not_in_memory():
    (settings,) = arguments("edge", "ENV")
    (volume,) = json.loads(arguments("edge", "VOLUME")[0])
    assert f"TMPDIR={volume}" in settings.split()


@pytest.mark.parametrize("image", IMAGES)
def test_a_base_that_lacks_a_library_fails_while_the_image_is_built(image):
    (run,) = arguments(image, "RUN")
    assert re.search(r"python -B -c 'import [^']*\bllama_cpp\b", run)


def test_images_are_built_without_a_network():
    text = (FOLDER / "Makefile").read_text("utf-8")
    assert re.search(r"\$\(BUILDER\) build --network none", text)


def test_the_version_of_the_images_is_that_of_the_packages():
    from sfta_edge import __version__

    assert f"VERSION := {__version__}\n" in (FOLDER / "Makefile").read_text("utf-8")
    for path in [FOLDER / "compose.yaml", *(FOLDER / "kubernetes").iterdir()]:
        assert set(re.findall(r"localhost/sfta-\w+:([\w.]+)", path.read_text())) == {
            __version__
        }


@pytest.mark.parametrize(
    "path",
    [
        "compose.yaml",
        "quadlet/sfta-edge.container",
        *(f"kubernetes/{name}" for name in CLUSTER),
    ],
)
def test_no_file_names_a_moving_image(path):
    assert not MOVING.search((FOLDER / path).read_text("utf-8"))


def test_compose_confines_the_device():
    service = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))["services"]["edge"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] == "10001:10001"
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert "cap_add" not in service
    assert "privileged" not in service
    bundle = next(each for each in service["volumes"] if each["target"] == "/bundle")
    assert bundle["read_only"] is True


def test_compose_gives_the_device_no_way_out():
    text = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
    service = text["services"]["edge"]
    assert [text["networks"][name].get("internal") for name in service["networks"]] == [True]
    assert "network_mode" not in service
    assert "ports" not in service, "an internal network publishes none"


def test_the_unit_confines_the_device():
    unit = quadlet("sfta-edge.container")["Container"]
    assert unit["ReadOnly"] == "true"
    assert unit["DropCapability"] == "all"
    assert unit["NoNewPrivileges"] == "true"
    assert unit["User"] == "10001"
    assert "--memory=" in unit["PodmanArgs"]
    assert "AddCapability" not in unit
    assert "/srv/sfta/bundle:/bundle:ro" in unit["Volume"].splitlines()
    assert json.loads(unit["HealthCmd"])[0] == "/opt/sfta/bin/python"


def test_the_unit_gives_the_device_no_way_out():
    unit = quadlet("sfta-edge.container")["Container"]
    assert unit["Network"] == "sfta.network"
    assert "PublishPort" not in unit
    assert quadlet("sfta.network")["Network"]["Internal"] == "true"


@pytest.mark.parametrize("name", CLUSTER)
def test_a_pod_is_confined(name):
    _, spec = pod(name)
    (container,) = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 10001
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    for forbidden in ("hostNetwork", "hostPID", "hostIPC"):
        assert forbidden not in spec
    assert not [volume for volume in spec["volumes"] if "hostPath" in volume]


@pytest.mark.parametrize("name", CLUSTER)
def test_a_pod_can_reach_nothing(name):
    labels, _ = pod(name)
    policy = of_kind(name, "NetworkPolicy")["spec"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    assert "Egress" in policy["policyTypes"]
    assert policy["egress"] == []


@pytest.mark.parametrize("name", CLUSTER)
def test_every_mount_of_a_pod_has_its_volume(name):
    _, spec = pod(name)
    (container,) = spec["containers"]
    assert {each["name"] for each in container["volumeMounts"]} == {
        each["name"] for each in spec["volumes"]
    }


def test_the_pod_of_the_device_is_probed_and_alone_on_its_data():
    deployment = of_kind("edge.yaml", "Deployment")["spec"]
    (container,) = deployment["template"]["spec"]["containers"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    for probe in ("readinessProbe", "startupProbe"):
        assert container[probe]["httpGet"]["path"] == "/readyz"
    assert deployment["replicas"] == 1
    assert deployment["strategy"] == {"type": "Recreate"}
    (bundle,) = (each for each in container["volumeMounts"] if each["name"] == "bundle")
    assert bundle["readOnly"] is True


def test_the_service_leads_to_the_pod():
    service = of_kind("edge.yaml", "Service")["spec"]
    labels, spec = pod("edge.yaml")
    assert service["selector"].items() <= labels.items()
    assert service["ports"][0]["targetPort"] in {
        port["name"] for port in spec["containers"][0]["ports"]
    }


def test_the_factory_asks_the_cluster_for_a_gpu():
    _, spec = pod("train-job.yaml")
    assert spec["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1


@pytest.mark.parametrize("source", ["compose.yaml", "kubernetes/edge.yaml"])
def test_the_command_of_the_device_is_one_that_it_knows(source):
    from click.testing import CliRunner

    from sfta_edge.cli.serve import command

    document = list(yaml.safe_load_all((FOLDER / source).read_text("utf-8")))[-1]
    words = (
        document["services"]["edge"]["command"]
        if source == "compose.yaml"
        else document["spec"]["template"]["spec"]["containers"][0]["args"]
    )
    assert words[0] == "serve"
    # The folder is not there, which is found out after all options are known.
    result = CliRunner().invoke(command, words[1:])
    assert result.exit_code == 2
    assert "'/bundle' does not exist" in result.output
