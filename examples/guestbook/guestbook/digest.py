"""Fill public/ with the static files, under names that change with their content.

A server can let browsers keep such files for ever, and send the .gz beside each as it is.
This needs neither a database nor a secret, so it runs where releases are built:
`python -m guestbook.digest`.
"""

import gzip
import hashlib
import json
import shutil
from pathlib import Path

from guestbook import PUBLIC

STATIC = Path(__file__).parent / "static"


def compile_static_files(source: Path, target: Path) -> dict[str, str]:
    """Write the files of one folder to another, and return their new names."""
    shutil.rmtree(target, ignore_errors=True)
    names = {}
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:32]
        compiled = target / path.relative_to(source).with_stem(f"{path.stem}-{digest}")
        compiled.parent.mkdir(parents=True, exist_ok=True)
        compiled.write_bytes(content)
        compiled.with_name(f"{compiled.name}.gz").write_bytes(gzip.compress(content, mtime=0))
        names[path.relative_to(source).as_posix()] = compiled.relative_to(target).as_posix()
    (target / "manifest.json").write_text(json.dumps(names, indent=2) + "\n")
    return names


if __name__ == "__main__":
    for name in compile_static_files(STATIC, PUBLIC).values():
        print(PUBLIC / name)
