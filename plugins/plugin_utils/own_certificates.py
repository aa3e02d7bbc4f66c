"""Whether a certificate that a user brings can be served, before any server is touched."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
except ImportError:
    # ansible-core brings it; what only reads documentation does without.
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = True


def certificate_mistake(certificate: str, private_key: str, domains: Iterable[str]) -> str:
    """Return what is wrong with a certificate and its key, both PEM, for some names, or an empty text.

    Nothing of a key is ever quoted.
    """
    if not HAS_CRYPTOGRAPHY:
        return ""
    try:
        found = x509.load_pem_x509_certificates(certificate.encode())[0]
    except ValueError:
        return "the certificate can't be read"
    try:
        key = load_pem_private_key(private_key.encode(), password=None)
    except TypeError:
        return "the private key has a passphrase, which nobody could type; take it off"
    except (ValueError, UnsupportedAlgorithm):
        return "the private key can't be read"
    if key.public_key() != found.public_key():
        return "the private key is not that of the certificate"
    if found.not_valid_after_utc <= datetime.now(UTC):
        return f"the certificate has expired on {found.not_valid_after_utc:%Y-%m-%d}"
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return "the certificate has no subjectAltName, which browsers want"
    held = {name.lower() for name in names.get_values_for_type(x509.DNSName)}
    missing = [name for name in domains if name not in held and f"*.{name.partition('.')[2]}" not in held]
    return f"the certificate does not name {', '.join(missing)}" if missing else ""
