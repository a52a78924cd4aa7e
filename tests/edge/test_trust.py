"""Which keys count is said by root keys, and no single stolen key can change it alone."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from sfta.cli.trust import command as factory_trust
from sfta_edge.cli.main import cli
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.installation import install
from sfta_edge.signature import fingerprint, generate_key
from sfta_edge.slots import read_state, rollback
from sfta_edge.trust import (
    TRUST_FILE,
    TrustRoot,
    adopt,
    current_trust,
    make_trust,
    raw_key,
    require_trusted,
)
from signed_bundles import KEY, PUBLIC, make


def key(number):
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


ROOTS = [key(number) for number in (1, 2, 3)]
OTHER = key(9)


def spelt(*keys):
    return tuple(raw_key(each.public_key()) for each in keys)


def trust(version=1, threshold=2, roots=ROOTS, release=(KEY,), development=(), revoked=()):
    """A trust file that nobody has signed yet."""
    uses = dict.fromkeys(spelt(*release), "release")
    uses |= dict.fromkeys(spelt(*development), "development")
    gone = tuple(fingerprint(each.public_key()) for each in revoked)
    return make_trust(
        version=version, threshold=threshold, root_keys=spelt(*roots), signing_keys=uses,
        revoked=gone,
    )  # fmt: skip


def signed(made, *keys):
    for each in keys or ROOTS[:2]:
        made = made.signed_by(each)
    return made


@pytest.fixture(name="root")
def _root(tmp_path):
    adopt(tmp_path / "device", signed(trust()))
    return tmp_path / "device"


def refused(root, made, why):
    before = (root / TRUST_FILE).read_bytes()
    with pytest.raises(IntegrityError, match=why):
        adopt(root, made)
    assert (root / TRUST_FILE).read_bytes() == before


def test_without_a_trust_file_any_given_key_counts(tmp_path):
    assert current_trust(tmp_path) is None
    require_trusted(tmp_path, OTHER.public_key())


def test_a_newer_file_with_enough_signatures_takes_over(root):
    adopt(root, signed(trust(2, release=(OTHER,))))
    require_trusted(root, OTHER.public_key())
    with pytest.raises(IntegrityError, match="not in the trust file"):
        require_trusted(root, PUBLIC)


def test_the_same_file_again_is_fine(root):
    adopt(root, signed(trust()))
    assert current_trust(root).version == 1


def test_an_older_file_is_refused(root):
    adopt(root, signed(trust(3)))
    refused(root, signed(trust(2)), "not newer than 3")


def test_another_file_of_the_same_version_is_refused(root):
    refused(root, signed(trust(1, release=(OTHER,))), "not newer than 1")


def test_one_stolen_root_key_of_two_changes_nothing(root):
    refused(root, signed(trust(2), ROOTS[0]), "1 of its own root keys")


def test_a_root_key_that_signs_twice_counts_once(root):
    made = signed(trust(2), ROOTS[0])
    name = fingerprint(ROOTS[1].public_key())
    stolen = replace(
        made, signatures={**made.signatures, name: next(iter(made.signatures.values()))}
    )
    refused(root, stolen, "1 of its own root keys")


def test_a_thief_who_lists_root_keys_of_his_own_is_refused(root):
    thieves = [key(50), key(51)]
    refused(root, signed(trust(2, roots=thieves), *thieves), "0 of the present root keys")


def test_a_thief_who_lowers_the_threshold_is_refused(root):
    refused(root, signed(trust(2, threshold=1), ROOTS[0]), "1 of the present root keys")


def test_signatures_of_another_version_do_not_count(root):
    old = signed(trust(2))
    refused(root, replace(trust(3), signatures=old.signatures), "0 of its own")


def test_a_revoked_root_key_does_not_sign(root):
    made = trust(2, revoked=ROOTS[:1])
    refused(root, signed(made), "1 of its own root keys")


def test_root_keys_change_with_signatures_of_both(root):
    fresh = [key(60), key(61)]
    refused(root, signed(trust(2, roots=fresh), *ROOTS[:2]), "0 of its own")
    adopt(root, signed(trust(2, roots=fresh), *ROOTS[:2], *fresh))
    refused(root, signed(trust(3), *ROOTS[:2]), "0 of the present")


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"release": (), "revoked": (KEY,)}, "was revoked"),
        ({"revoked": (KEY,)}, "was revoked"),
        ({"release": (OTHER,)}, "not in the trust file"),
        ({"release": (), "development": (KEY,)}, "for development"),
    ],
)
def test_a_key_that_does_not_count_installs_nothing(tmp_path, facts, why):
    root = tmp_path / "device"
    adopt(root, signed(trust(**facts)))
    with pytest.raises(IntegrityError, match=why):
        install(make(tmp_path / "bundle"), root, PUBLIC)
    assert read_state(root).active is None
    assert not (root / "slots").exists()


def test_a_development_key_counts_where_somebody_allows_it(tmp_path):
    root = tmp_path / "device"
    adopt(root, signed(trust(release=(), development=(KEY,))))
    assert install(make(tmp_path / "bundle"), root, PUBLIC, development=True).counter == 1


def test_a_rollback_never_reaches_a_bundle_of_a_revoked_key(root, tmp_path):
    adopt(root, signed(trust(2, release=(KEY, OTHER))))
    install(make(tmp_path / "old", 1), root, PUBLIC)
    install(make(tmp_path / "new", 1, key=OTHER), root, OTHER.public_key())
    adopt(root, signed(trust(3, release=(OTHER,), revoked=(KEY,))))
    before = read_state(root)
    with pytest.raises(IntegrityError, match="was revoked"):
        rollback(root)
    assert read_state(root) == before


def test_a_new_key_ends_what_a_stolen_one_locked_out(root, tmp_path):
    """Fast-forward: a thief signs version 99; devices follow the new key from any version on."""
    install(make(tmp_path / "stolen", 99), root, PUBLIC)
    with pytest.raises(IntegrityError, match="older than 99"):
        install(make(tmp_path / "honest", 5), root, PUBLIC)
    adopt(root, signed(trust(2, release=(OTHER,), revoked=(KEY,))))
    honest = make(tmp_path / "rescue", 5, key=OTHER)
    assert install(honest, root, OTHER.public_key()).counter == 5


@pytest.mark.parametrize(
    "change",
    [
        {"version": 0}, {"version": True}, {"version": "2"}, {"threshold": 0}, {"threshold": 4},
        {"root_keys": ["00"]}, {"root_keys": [1]}, {"root_keys": []},
        {"signing_keys": {"x": "release"}},
        {"signing_keys": []}, {"schema": "sfta.trust/2"}, {"more": 1}, {"revoked": None},
    ],
)  # fmt: skip
def test_a_file_that_contradicts_itself_is_refused(change):
    facts = json.loads(signed(trust()).to_bytes())
    from sfta_edge.manifest import canonical_json

    with pytest.raises(IntegrityError):
        TrustRoot.from_bytes(canonical_json({**facts, **change}))


def test_another_spelling_of_the_same_file_is_refused():
    raw = signed(trust()).to_bytes()
    with pytest.raises(IntegrityError, match="canonical"):
        TrustRoot.from_bytes(raw.replace(b",", b", "))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_trust_file_or_one_error(raw):
    with pytest.raises(IntegrityError):
        TrustRoot.from_bytes(raw)


@given(st.integers(min_value=0), st.integers(1, 255))
def test_any_changed_byte_is_found(place, change):
    raw = bytearray(signed(trust()).to_bytes())
    raw[place % len(raw)] ^= change
    try:
        found = TrustRoot.from_bytes(bytes(raw))
    except IntegrityError:
        return
    assert found.count(found.root_keys) < found.threshold or found.count(spelt(*ROOTS)) < 2


def test_the_factory_makes_and_signs_and_the_device_adopts(tmp_path):
    for name in ("safe-a", "safe-b", "release", "new"):
        generate_key(tmp_path / f"{name}.pem", tmp_path / f"{name}.pub")

    def say(*arguments):
        done = CliRunner().invoke(factory_trust, [str(a) for a in arguments])
        assert done.exit_code == 0, done.output
        return done.output

    first, second = tmp_path / "trust.json", tmp_path / "trust-2.json"
    roots = ["--root-key", tmp_path / "safe-a.pub", "--root-key", tmp_path / "safe-b.pub"]
    threshold = ["--threshold", 2]
    say("make", first, *roots, *threshold, "--signing-key", tmp_path / "release.pub")
    say(
        "make", second, "--after", first, *threshold, "--signing-key", tmp_path / "new.pub",
        "--revoke", tmp_path / "release.pub",
    )  # fmt: skip
    for file in (first, second):
        for name in ("safe-a", "safe-b"):
            out = say("sign", file, "--key", tmp_path / f"{name}.pem")
        assert "2 signatures" in out
    for file, version in ((first, 1), (second, 2)):
        told = CliRunner().invoke(cli, ["trust", str(file), "--root", str(tmp_path), "--json"])
        assert json.loads(told.output)["version"] == version
    assert list(current_trust(tmp_path).signing_keys.values()) == ["release"]


def test_a_trust_file_without_a_root_key_is_not_made(tmp_path):
    done = CliRunner().invoke(factory_trust, ["make", str(tmp_path / "trust.json")])
    assert isinstance(done.exception, ConfigError)
    assert list(tmp_path.iterdir()) == []


def test_a_device_without_a_trust_file_says_so(tmp_path):
    done = CliRunner().invoke(cli, ["trust", "--root", str(tmp_path)])
    assert isinstance(done.exception, ConfigError)
