#!/usr/bin/python
"""Build a release: its source, its environment, its build commands, and who may read it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_build
short_description: Build a release of an application from an archive, in one call
description:
  - Sends the archive to the server, unpacks it, makes its links, writes C(REVISION), makes the virtual environment,
    runs the build commands, compiles byte code and lets the web server read the static files. It stops at the first
    command that fails. A release that an interrupted call has left is begun anew.
  - Dependencies are installed as the user C(<name>-deps), who owns their cache and the files that are linked from it
    into environments. Build commands run as C(<name>-build) in a sandbox that holds no more than the release, so they
    reach neither the cache nor another release.
  - A finished release belongs to root; the application's user may read it, and others only the static files.
  - A folder of the source in the place of one that outlives releases is the first content of that. The files of the
    user's own that belong to the release's settings are written when the dependencies are installed.
  - All that is said goes to a log on the server, which root alone can read, while it is said. Of a command that fails,
    the last 40 lines are shown, too.
options:
  release: {type: str, required: true, description: Name of the release.}
  archive: {type: path, required: true, description: Tar archive of the source on the controller.}
  strip_components: {type: int, default: 0, description: "Leading folders of the archive to leave out, as of C(tar)."}
  installation:
    type: dict
    default: {}
    description: >-
      How packages are installed, as M(foobar.webstack.release_sources) returns it; without it there are none but those
      of O(fallback_requirements).
  subdirectory: {type: str, default: "", description: "Folder of the source in which build commands run."}
  revision: {type: str, required: true, description: What the source's revision is.}
  links: {type: dict, required: true, description: "Paths in the release, and where they lead."}
  user: {type: str, required: true, description: User that runs the application; its group may read the release.}
  steps:
    type: list
    elements: str
    choices: [source, build, finish]
    default: [source, build, finish]
    description: What to do; all of it, unless something is to come in between.
  installer: {type: str, choices: [uv, pip], default: uv, description: Tool that makes the environment.}
  uv: {type: path, required: true, description: Folder of uv.}
  python: {type: str, required: true, description: "Interpreter, or a version that uv fetches."}
  fallback_requirements:
    type: list
    elements: str
    default: []
    description: Requirements that are installed where the lock brings no command of their name.
  install_environment: {type: dict, default: {}, description: "Variables of the installation, such as C(UV_INDEX_URL)."}
  package_indexes:
    type: list
    elements: dict
    default: []
    description: Where packages come from before PyPI. Logins are in no output, on no command line and in no file after.
    suboptions:
      url: {type: str, required: true, description: "Address, without user and password."}
      username: {type: str, description: User.}
      password: {type: str, description: "Password, or token."}
      default: {type: bool, default: false, description: Take it in the place of PyPI.}
  build_commands: {type: list, elements: str, default: [], description: Commands that complete the release.}
  build_environment:
    type: dict
    default: {}
    description: >-
      Variables of the build commands and of the build of the source itself; a C(SECRET_KEY) is made up unless it is
      among them.
  withheld:
    type: list
    elements: str
    default: []
    description: Names of the application's variables that build commands do not get, for the message.
  shared: {type: list, elements: str, default: [], description: "Paths below C(shared), empty in a build."}
  static_paths: {type: list, elements: str, default: [], description: Folders that the web server may read.}
attributes:
  check_mode: {support: none, description: Is skipped.}
  diff_mode: {support: none, description: Shows no difference.}
extends_documentation_fragment: [foobar.webstack.application]
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Build
  foobar.webstack.release_build:
    app: {name: shop, path: /srv/shop, service: gunicorn-shop, target: shop, sockets: /run/gunicorn-shop}
    release: 1a2b3c4d-5e6f7a8b
    archive: shop.tar.gz
    installation: {method: listed, lock: requirements.txt, requirements: [requirements.txt], constraints: []}
    revision: 1a2b3c4d
    links: {uploads: /srv/shop/shared/uploads}
    user: shop
    uv: /opt/uv-0.13.9
    python: /usr/bin/python3
    build_commands: [flask digest compile]
    static_paths: [public]
"""

RETURN = r"""
log: {type: str, returned: always, description: File on the server with all that was said.}
rc: {type: int, returned: where a command failed, description: Its status.}
error: {type: str, returned: where a command failed, description: The line of its output that says what went wrong.}
"""

import grp
import os
import pwd
import secrets
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils import (
    names,
    release_environment,
    release_lock,
    release_settings,
    release_state,
    release_tree,
    releases,
)
from ansible_collections.foobar.webstack.plugins.module_utils.release_sandbox import CommandError, Sandbox, open_log

STEPS = ["source", "build", "finish"]
SPEC: dict[str, Any] = {
    "app": {"type": "dict", "required": True, "options": release_state.APP},
    "release": {"type": "str", "required": True},
    "archive": {"type": "path", "required": True},
    "strip_components": {"type": "int", "default": 0},
    "installation": {"type": "dict", "default": {}},
    "subdirectory": {"type": "str", "default": ""},
    "revision": {"type": "str", "required": True},
    "links": {"type": "dict", "required": True},
    "user": {"type": "str", "required": True},
    "steps": {"type": "list", "elements": "str", "choices": STEPS, "default": STEPS},
    "installer": {"type": "str", "choices": ["uv", "pip"], "default": "uv"},
    "uv": {"type": "path", "required": True},
    "python": {"type": "str", "required": True},
    "fallback_requirements": {"type": "list", "elements": "str", "default": []},
    "install_environment": {"type": "dict", "default": {}},
    "package_indexes": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "url": {"type": "str", "required": True},
            "username": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "default": {"type": "bool", "default": False},
        },
    },
    "build_commands": {"type": "list", "elements": "str", "default": []},
    "build_environment": {"type": "dict", "default": {}},
    "withheld": {"type": "list", "elements": "str", "default": []},
    "shared": {"type": "list", "elements": "str", "default": []},
    "static_paths": {"type": "list", "elements": "str", "default": []},
    "owner": {"type": "dict", "required": True},
}


class Build:
    """The build of one release."""

    def __init__(self, module: AnsibleModule) -> None:
        """Find out who builds, and where."""
        options, app = module.params, module.params["app"]
        self.module, self.options, self.name = module, options, app["name"]
        self.path, self.release = Path(app["path"]), options["release"]
        self.folder = self.path / "releases" / self.release
        user = pwd.getpwnam(options["user"])
        self.uid, self.gid, self.group = user.pw_uid, user.pw_gid, grp.getgrgid(user.pw_gid).gr_name
        self.builder, self.installer = (pwd.getpwnam(of(self.name)).pw_uid for of in (names.builder, names.installer))
        self.how = options["installation"]
        self.log = open_log(Path(names.logs(self.name)), self.release)

    def source(self) -> None:
        """Unpack the archive into a new folder, and make its links."""
        if self.folder.exists():
            shutil.rmtree(self.folder)
        if not self.folder.parent.exists():
            self.folder.parent.mkdir(parents=True)
            self.folder.parent.chmod(0o751)
        # Nobody passes until all has its owner and its mode, whatever the archive says of its own folder.
        self.folder.mkdir(mode=0o700)
        strip = f"--strip-components={self.options['strip_components']}"
        flags = ["--no-same-owner", "--no-same-permissions", "--no-overwrite-dir", strip]
        places = [f"--file={self.options['archive']}", f"--directory={self.folder}"]
        code, _, error = self.module.run_command(["tar", "--extract", *places, *flags])
        if code != 0:
            raise OSError(f"the archive can't be unpacked into {self.folder}: {error.strip().splitlines()[0]}")
        # That of another machine would run nothing here.
        release_tree.remove(self.folder / release_tree.VENV)
        release_tree.write_revision(self.folder / "REVISION", self.options["revision"])
        release_tree.give(self.folder, self.builder, self.gid)
        self.folder.chmod(0o750)
        for name, to in self.options["links"].items():
            try:
                if name in self.options["shared"]:
                    self.fill(name, Path(to))
                release_tree.link(self.folder, name, to, is_folder=name in self.options["shared"])
            except OSError as error:
                reason = error.strerror or str(error)
                raise OSError(f"{name} of the source can't give way to a link to {to}: {reason}") from None

    def fill(self, name: str, shared: Path) -> None:
        """Let what the source brings in the place of a shared folder be its first content."""
        brought = release_tree.within(self.folder, name)
        if not brought.is_dir() or brought.is_symlink():
            return
        if code := release_tree.code_in(brought):
            raise OSError(
                f"it holds code ({code.relative_to(self.folder)}), which would stay that of the first release"
            )
        # What somebody has removed since does not come back.
        if not any((self.folder.parent / other / name).is_symlink() for other in releases.read(self.path)):
            release_tree.fill(brought, shared, self.uid, self.gid)

    def write_files(self) -> None:
        """Write the files of the user's own, which root owns and the application's group may read."""
        files = release_settings.in_release(release_settings.read(self.name).get(self.release))
        for file in files:
            dest = Path(file["dest"]).relative_to(self.folder)
            try:
                release_tree.within(self.folder, str(dest))
                release_settings.restore({"files": [file]})
            except OSError as error:
                raise OSError(f"{dest} of files can't be written into the release: {error.strerror or error}") from None

    def environment(self) -> None:
        """Make the virtual environment, as the user that owns the cache."""
        uv, python = f"{self.options['uv']}/bin/uv", self.options["python"]
        release_tree.give(self.folder, self.installer, self.gid)
        cache = self.cache()
        sandbox = self.sandbox(
            names.installer(self.name),
            installs=True,
            environment={
                "UV_CACHE_DIR": str(cache),
                "UV_PYTHON_DOWNLOADS": "never" if python.startswith("/") else "automatic",
                "PIP_CACHE_DIR": f"{cache}/pip",
                **self.where_from(),
                **self.options["install_environment"],
            },
        )
        kind, fallbacks = self.options["installer"], self.options["fallback_requirements"]
        seeds_pip = any(release_environment.calls(command, "pip") for command in self.options["build_commands"])
        commands = release_environment.install_commands(self.how, kind, uv, python, fallbacks, seeds_pip)
        release_lock.require(self.name, self.options["owner"])
        commands = [*release_environment.git_commands(list(self.how.get("git", {}))), *commands]
        with self.brought():
            shown = f"install {self.how.get('lock') or 'nothing'}"
            whole = " && ".join(f"{{ {command}; }}" for command in commands)
            sandbox.run(release_environment.with_logins(whole), shown=shown)
        self.prune_caches(cache)
        code = f"{release_tree.VENV}/lib"
        live = self.path / "current" / code
        if not live.is_dir() or not release_tree.link_byte_code(self.folder / code, live.resolve()):
            sandbox.run(release_environment.compile_command(code), shown="compile the environment")

    def where_from(self) -> dict[str, str]:
        """Return the variables of an installation that say where packages come from."""
        indexes = self.options["package_indexes"]
        addresses = release_environment.index_environment(indexes, self.options["installer"])
        return {**addresses, "LOGINS": release_environment.logins(indexes)}

    def cache(self) -> Path:
        """Return the installer's folder for what is built with this server's interpreter and headers, and make it."""
        python = self.options["python"]
        key = release_environment.cache_key(self.module.run_command, python)
        caches = self.path / "dependencies"
        # Above all that foreign code writes to is root's: a link that it leaves there would lead root elsewhere.
        for folder, owner in ((caches, 0), (caches / key, self.installer), (self.path / "python", self.installer)):
            if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
                folder.unlink()
            folder.mkdir(exist_ok=True)
            os.chown(folder, owner, self.gid, follow_symlinks=False)
            folder.chmod(0o750)
        return caches / key

    def prune_caches(self, cache: Path) -> None:
        """Remove what was built against what is no longer there; environments keep their files."""
        for entry in cache.parent.iterdir():
            if entry.is_symlink() or not entry.is_dir():
                entry.unlink()
            elif entry != cache:
                shutil.rmtree(entry)

    @contextmanager
    def brought(self) -> Iterator[None]:
        """Have what the controller has brought in the release while packages are installed from it."""
        places = {release_environment.lines_file(name): path for name, path in self.how.get("locked", {}).items()}
        bundles = self.how.get("git", {}).values()
        places |= {release_environment.bundle(number): path for number, path in enumerate(bundles)}
        try:
            for name, path in places.items():
                place = self.folder / name
                place.unlink(missing_ok=True)
                # Nothing that the source has in its place, such as a link, is written through.
                with place.open("xb") as file, Path(path).open("rb") as content:
                    shutil.copyfileobj(content, file)
                place.chmod(0o644)
            yield
        finally:
            for name in places:
                (self.folder / name).unlink(missing_ok=True)

    def commands(self) -> None:
        """Install the source where it is a package, and run the build commands until one fails."""
        venv = self.folder / release_tree.VENV
        release_tree.give(self.folder, self.builder, self.gid, skip=venv)
        release_tree.give_folders(venv, self.builder, self.gid)
        # What is installed here goes to no shared cache.
        environment = {
            "SECRET_KEY": secrets.token_urlsafe(48),
            "UV_CACHE_DIR": "/tmp/uv",
            "UV_LINK_MODE": "copy",
            "UV_PYTHON_DOWNLOADS": "never",
        }
        told = {**self.options["install_environment"], **self.options["build_environment"]}
        uv, python = f"{self.options['uv']}/bin/uv", self.options["python"]
        project = release_environment.project_command(self.how, self.options["installer"], uv, python)
        if project:
            scm = release_environment.scm_versions(self.options["revision"])
            own = {**environment, **scm, **self.where_from(), **told}
            sandbox = self.sandbox(names.builder(self.name), environment=own)
            sandbox.run(release_environment.with_logins(project), shown=f"install the source by its {self.how['lock']}")
        # Not before what installs has run, which is others' code with a network.
        self.write_files()
        sandbox = self.sandbox(
            names.builder(self.name),
            shared=self.options["shared"],
            environment={**environment, **told},
        )
        for command in self.options["build_commands"]:
            release_lock.require(self.name, self.options["owner"])
            sandbox.run(command, chdir=self.options["subdirectory"])
        # All that is not the environment's: the source, and what the commands have made.
        own_paths = sorted(path for path in self.folder.iterdir() if path != venv and not path.is_symlink())
        code = [shlex.quote(path.name) for path in own_paths if path.suffix == ".py" or path.is_dir()]
        if code:
            sandbox.run(release_environment.compile_command(*code), shown="compile the source")

    def finish(self) -> None:
        """Leave nothing that somebody who runs could write to."""
        release_lock.require(self.name, self.options["owner"])
        self.seal()

    def seal(self) -> None:
        """Give what was built to root."""
        # Root's record of a release says that it was live; what a source brings under its name is none.
        for name in (releases.RECORD, f"{releases.RECORD}.part"):
            place = self.folder / name
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
        release_tree.seal(self.folder, self.gid, self.installer)
        # As they were meant, whatever a command has made of them.
        self.write_files()
        release_tree.open_static(self.folder, self.options["static_paths"])

    def sandbox(self, user: str, environment: dict[str, Any], **more: Any) -> Sandbox:
        """Return where commands of a user run."""
        base = {
            "PATH": f"{self.folder}/.venv/bin:{self.options['uv']}/bin:/usr/local/bin:/usr/bin:/bin",
            "HOME": "/tmp",
            "VIRTUAL_ENV": f"{self.folder}/.venv",
            "UV_PYTHON_INSTALL_DIR": f"{self.path}/python",
            "UV_SYSTEM_CERTS": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        variables = {name: str(value) for name, value in {**base, **environment}.items()}
        return Sandbox(self.name, self.path, self.release, user, self.group, self.log, variables, **more)

    def run(self) -> None:
        """Take the steps."""
        if "source" in self.options["steps"]:
            self.source()
        if "build" in self.options["steps"]:
            self.environment()
            self.commands()
        if "finish" in self.options["steps"]:
            self.finish()


def explanation(error: CommandError, withheld: list[str]) -> str:
    """Return which of the application's variables a command may have missed, or what a package lacks to be built."""
    missed = [name for name in withheld if any(name in line for line in error.said)]
    if not missed:
        return release_environment.advice(error.said)
    return f" Build commands do not get {', '.join(missed)} of environment; what they need goes into build_environment."


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=SPEC)
    hidden = {"build_environment", "package_indexes"}
    shown = {name: value for name, value in module.params.items() if name not in hidden}
    invocation: dict[str, Any] = {"invocation": {"module_args": shown}}
    os.umask(0o022)
    build = Build(module)
    name = build.name
    try:
        build.run()
    except CommandError as error:
        module.fail_json(
            msg=f"{name}: {error}.{explanation(error, module.params['withheld'])}",
            rc=error.status,
            error=error.error,
            last_lines=error.said[-40:],
            log=str(build.log),
            **invocation,
        )
    except (OSError, release_tree.TreeError) as error:
        module.fail_json(msg=f"{name}: {error}.", log=str(build.log), **invocation)
    module.exit_json(changed=True, log=str(build.log), **invocation)


if __name__ == "__main__":
    main()
