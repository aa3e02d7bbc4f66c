"""A CA of the tests' own, with an intermediate one as the CAs of the world have."""

from __future__ import annotations

import subprocess
import time
from functools import cached_property
from pathlib import Path

KINDS = {"ec": ["-pkeyopt", "ec_paramgen_curve:prime256v1"], "rsa": ["-pkeyopt", "rsa_keygen_bits:2048"]}
CONFIG = """
[ca]
default_ca = own
[own]
certificate = {folder}/{ca}.pem
private_key = {folder}/{ca}.key
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
[any]
commonName = optional
"""


def openssl(*arguments: str, text: str = "") -> str:
    """Return what openssl prints."""
    return subprocess.run(["openssl", *arguments], input=text, capture_output=True, text=True, check=True).stdout


class Authority:
    """A root and an intermediate CA in a folder."""

    def __init__(self, folder: Path, name: str = "Test Intermediate") -> None:
        """Make both."""
        self.folder = folder
        root = ["-x509", "-subj", f"/CN=Root of {name}", "-days", "3650", "-addext", "keyUsage=keyCertSign"]
        (folder / "index.txt").touch()
        (folder / "root.key").write_text(self.key("ec"))
        (folder / "root.pem").write_text(openssl("req", *root, "-key", str(folder / "root.key")))
        key = self.key("ec")
        (folder / "ca.key").write_text(key)
        request = openssl("req", "-new", "-subj", f"/CN={name}", "-key", "/dev/stdin", text=key)
        begins = time.time() - 86400
        self.intermediate = self.sign(request, "root", "basicConstraints=critical,CA:TRUE", begins, 3000)
        (folder / "ca.pem").write_text(self.intermediate)

    def key(self, kind: str) -> str:
        """Return a new private key."""
        return openssl("genpkey", "-algorithm", kind.upper(), *KINDS[kind])

    def sign(self, request: str, ca: str, extensions: str, begins: float, days: float) -> str:
        """Return the certificate for a request."""
        file = {name: str(self.folder / name) for name in ("config", "extensions", "request")}
        Path(file["config"]).write_text(CONFIG.format(folder=self.folder, ca=ca))
        Path(file["extensions"]).write_text(f"authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n{extensions}\n")
        Path(file["request"]).write_text(request)
        dates = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(moment)) for moment in (begins, begins + days * 86400)]
        words = ["-config", file["config"], "-extfile", file["extensions"], "-in", file["request"], "-notext", "-batch"]
        return openssl("ca", *words, "-startdate", dates[0], "-enddate", dates[1])

    @cached_property
    def asked(self) -> tuple[str, str]:
        """Return a site's key and its request, which are as good for one certificate as for the next."""
        key = self.key("ec")
        return key, openssl("req", "-new", "-subj", "/CN=site", "-key", "/dev/stdin", text=key)

    def issue(self, *names: str, days: float = 90) -> str:
        """Return a certificate that begins now, its chain and its key."""
        key, request = self.asked
        extensions = "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)
        return self.sign(request, "ca", extensions, time.time(), days) + self.intermediate + key
