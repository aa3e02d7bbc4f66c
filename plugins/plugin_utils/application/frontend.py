"""A frontend that is built by Node.js: where, with which commands, what comes out, and who serves it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from posixpath import dirname, join, normpath
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.routes import Route
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.tree import Tree
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Report

# Locks, and the commands of their tools for a folder: what installs, and what runs a script.
TOOLS = {
    "pnpm-lock.yaml": ("pnpm{0} install --frozen-lockfile", "pnpm{0} run", " --dir {}"),
    "yarn.lock": ("yarn{0} install --frozen-lockfile", "yarn{0} run", " --cwd {}"),
    "bun.lock": ("bun install --frozen-lockfile{0}", "bun run{0}", " --cwd {}"),
    "bun.lockb": ("bun install --frozen-lockfile{0}", "bun run{0}", " --cwd {}"),
    "package-lock.json": ("npm{0} ci", "npm{0} run", " --prefix {}"),
    "": ("npm{0} install", "npm{0} run", " --prefix {}"),
}
# What builds, by a package or by the command, the settings in which another folder may stand, and the usual one.
BUILDERS = (
    ("@angular/", ("angular.json",), "dist"),
    ("react-scripts", (), "build"),
    ("@sveltejs/kit", (), "build"),
    ("@vue/cli-service", ("vue.config.js",), "dist"),
    ("vite", ("vite.config.ts", "vite.config.js", "vite.config.mjs", "vite.config.mts"), "dist"),
    ("webpack", ("webpack.config.js", "webpack.config.ts", "webpack.config.prod.js"), "dist"),
    ("parcel", (), "dist"),
    ("rollup", ("rollup.config.js", "rollup.config.mjs", "rollup.config.ts"), ""),
)
SERVED_BY_NODE = ("next", "nuxt", "@remix-run/serve")
# Pages that a framework has of itself.
OWN_PAGES = {"FastAPI": ("/docs", "/openapi.json", "/redoc")}
# A setting of a build's output: a call with all of its arguments, or what stands before the next comma.
OUTPUT = re.compile(r"""(?:outDir|outputDir|outputPath|\bpath|\bfile|\bdir)["']?\s*:\s*([\w.]*\([^)\n]*|[^,\n}]+)""")


@dataclass(frozen=True)
class Frontend:
    """A frontend: the folder of its package.json, its scripts and packages, and the folder or file that is built."""

    place: str
    scripts: dict[str, Any]
    packages: set[str]
    output: str


def find_frontend(code: Code, pages: Iterable[Route], framework: str, report: Report) -> None:
    """Note how frontends are built on the controller, and one that is the site's own pages."""
    tree, pages = code.tree, [*pages, *(Route(path, framework) for path in OWN_PAGES.get(framework, ()))]
    for path in [path for path in tree.named("package.json") if path.count("/") < 3]:
        frontend = _frontend(tree, path)
        if "build" not in frontend.scripts:
            _find_modules(code, frontend, path, report)
            continue
        if server := next((name for name in SERVED_BY_NODE if name in frontend.packages), ""):
            report.ask(
                "local_build_commands",
                f"{path} is for {server}, whose pages come from a server of Node.js: none is set up here, so export "
                "them as files.",
            )
        elif not frontend.output:
            report.ask(
                "local_build_commands",
                f"{path} has a build, and does not tell which folder it fills: write {_commands(tree, frontend)} and "
                "the folder into `include`.",
            )
        else:
            _find_build(code, frontend, path, pages, report)


def _frontend(tree: Tree, path: str) -> Frontend:
    """Return what a package.json tells."""
    try:
        table = json.loads(tree.text(path))
    except (ValueError, RecursionError):
        table = {}
    table = table if isinstance(table, dict) else {}
    scripts = table.get("scripts")
    scripts = scripts if isinstance(scripts, dict) else {}
    listed = [table.get(name) for name in ("dependencies", "devDependencies")]
    named = {name for each in listed if isinstance(each, dict) for name in each}
    place = dirname(path)
    return Frontend(place, scripts, named, _output(tree, place, str(scripts.get("build", "")), named))


def _output(tree: Tree, place: str, command: str, named: set[str]) -> str:
    """Return the folder or the file that a build makes, by its settings, or an empty string where nothing tells."""
    given = re.search(
        r"--(?:outDir|outdir|out-dir|dest|output-path|outfile|dist-dir)[ =]+(\S+)|(?:^|\s)-[do] (\S+)", command
    )
    if given:
        return normpath(join(place, given[1] or given[2]))
    if tree.has(path := join(place, "angular.json")) and (told := _angular(tree, path)):
        return normpath(join(place, told))
    for word, settings, usual in BUILDERS:
        if not (any(name.startswith(word) for name in named) or re.search(rf"\b{re.escape(word)}\b", command)):
            continue
        for path in [path for name in settings if tree.has(path := join(place, name))]:
            for value in OUTPUT.findall(tree.text(path)):
                # path.resolve(__dirname, "../static"), or the text alone.
                texts = re.findall(r"""["']([^"']+)["']""", value)
                if texts and not texts[-1].startswith("/"):
                    return normpath(join(place, *texts))
        return normpath(join(place, usual)) if usual else ""
    return ""


def _angular(tree: Tree, path: str) -> str:
    """Return the folder that Angular builds into, for production where that is another; `browser` lies in its base."""
    try:
        projects = json.loads(tree.text(path)).get("projects", {})
        builds = [project["architect"]["build"] for project in projects.values()]
        options = [build.get("configurations", {}).get("production", {}) for build in builds]
        options += [build.get("options", {}) for build in builds]
        told = next((option["outputPath"] for option in options if "outputPath" in option), "")
        if str(builds[0].get("builder")).endswith(":application") and not isinstance(told, dict):
            told = {"base": told or join("dist", next(iter(projects)))}
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return ""
    if isinstance(told, dict):
        return join(str(told.get("base", "")), str(told.get("browser", "browser")))
    return str(told)


def _commands(tree: Tree, frontend: Frontend) -> list[str]:
    """Return the commands that build a frontend, run in the root of the source."""
    lock = next((name for name in TOOLS if name and tree.has(join(frontend.place, name))), "")
    install, script, option = TOOLS[lock]
    place = option.format(frontend.place) if frontend.place else ""
    return [install.format(place), f"{script.format(place)} build"]


def _find_build(code: Code, frontend: Frontend, path: str, pages: list[Route], report: Report) -> None:
    """Note the commands of a build, what goes up of it, and what of the site it is."""
    tree, output = code.tree, frontend.output
    reason = tree.at(path)
    place = dirname(output) if re.search(r"\.(css|m?js)$", output) else output
    ignored = place if tree.ignores(place) else output if place != output and tree.ignored(output, False) else ""
    if ignored or not (tree.folder / output).exists():
        report.add("local_build_commands", _commands(tree, frontend), reason)
        if ignored:
            report.add("include", [ignored], f".gitignore has {ignored}")
    if not _has_pages(tree, frontend) or _is_served(code, output, report):
        return
    start = next((page for page in pages if page.path == "/"), None)
    if start:
        report.ask(
            "static",
            f"{start.reason} answers / and {reason} builds pages, too: write `static: {{/: {output}}}` and `app_paths` "
            "where the frontend is to answer.",
        )
        return
    known = report.value("static") or {}
    report.findings.pop("static", None)
    report.find("static", {**known, "/": output}, reason)
    app_paths = sorted({*_app_paths(pages, known), *(report.value("streaming_paths") or [])})
    report.find("app_paths", app_paths, "the application's own pages")


def _find_modules(code: Code, frontend: Frontend, path: str, report: Report) -> None:
    """Note that packages of Node.js are installed where the application's own files name their folder."""
    tree = code.tree
    told = re.search(r"(?m)^--modules-folder\s+(\S+)", tree.text(join(frontend.place, ".yarnrc")))
    place = normpath(join(frontend.place, told[1].strip("\"'") if told else "node_modules"))
    named = next((file for file in tree.python() if re.search(r"node_modules|NpmFinder", tree.text(file))), "")
    if named and not (tree.folder / place).is_dir():
        report.add("local_build_commands", _commands(tree, frontend)[:1], f"{tree.at(path)}, {tree.at(named)}")
        report.add("include", [place], tree.at(path))


def _has_pages(tree: Tree, frontend: Frontend) -> bool:
    """Tell whether a build makes a page, and not only what pages of the application load."""
    places = (frontend.place, join(frontend.place, "public"), join(frontend.place, "src"))
    return any(tree.has(join(place, "index.html")) for place in places)


def _is_served(code: Code, output: str, report: Report) -> bool:
    """Tell whether the application has to do with a build's folder: as static files, templates or a collected one."""
    known = report.value("static") or {}
    if any(place == output or output.startswith(f"{place}/") for place in known.values()):
        return True
    parts = output.split("/")
    return bool({"static", "templates", "assets", "staticfiles"} & set(parts)) or any(
        output in code.tree.text(path) for path in code.tree.python()
    )


def _app_paths(pages: Iterable[Route], static: dict[str, str]) -> list[str]:
    """Return the first parts of the paths that the application answers."""
    found: list[str] = []
    for page in pages:
        first = re.match(r"/[\w.~@-]+", page.path)
        if first:
            has_more = len(page.path) > len(first[0])
            found.append(f"{first[0]}/" if has_more else first[0])
    return sorted({path for path in found if path not in static})
