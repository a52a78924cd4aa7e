"""Which of the keys that a device trusts has signed a bundle; an upload brings no key."""

from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sfta_edge.bundle import opened
from sfta_edge.errors import IntegrityError
from sfta_edge.signature import fingerprint
from sfta_edge.slots import read_state, trusted_key
from sfta_edge.trust import current_trust


def trusted_keys(root: Path) -> list[Ed25519PublicKey]:
    """Those of the trust file, and those that signed what is installed.

    Whether one of them still counts is asked by the installation.

    Raises:
        IntegrityError: the state, the trust file or a stored key is damaged.
    """
    trust = current_trust(root)
    listed = [bytes.fromhex(raw) for raw in trust.signing_keys] if trust else []
    found = [Ed25519PublicKey.from_public_bytes(raw) for raw in listed]
    found += [trusted_key(root, installed) for installed in read_state(root).slots.values()]
    return list({fingerprint(key): key for key in found}.values())


def signer_of(bundle: Path, root: Path) -> Ed25519PublicKey:
    """The trusted key that has signed a bundle; only its beginning has to be there.

    Raises:
        IntegrityError: no bundle, or no key of this device has signed it.
    """
    for key in trusted_keys(root):
        try:
            with opened(bundle, key):
                return key
        except IntegrityError as error:
            if not isinstance(error.__cause__, InvalidSignature):
                raise
    raise IntegrityError(
        "no key that this device trusts has signed this bundle",
        hint="Ask whoever made it, or install it on the device with its key.",
    )
