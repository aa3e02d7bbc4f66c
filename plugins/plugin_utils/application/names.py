"""The names in the Python code of an application: what each stands for, and which module leads to which."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import (
    FUNCTIONS,
    Definition,
    assigned,
    constants,
    statements,
    words,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.tree import Tree

# Names that lead on to another name: no code that people write has more of them.
MAX_STEPS = 30
# Modules that have all names from each other: settings of several levels, not the packages of a framework.
MAX_STARS = 5
# Folders of code that is none of the site's own application: what others plug in, and what a project is started from.
PATTERNS = {"plugins", "templates", "template", "project_template", "skeleton", "scaffold", "scaffolds", "migrations"}
# How modules for development alone are called.
DEVELOPMENT = re.compile(r"(^|[._])(dev|devel|development|local|debug|test|testing)$")
# What is asked where files are kept on a server of others.
REMOTE = re.compile(r"(?i)\b(\w*_)?(s3|aws|gcs|gs|azure|cloudinary|spaces|bucket)(_\w*)?\b")
# A text that may be the name of a module, or of something in one.
MODULE = re.compile(r"[A-Za-z_]\w*(\.\w+){1,10}")


class Names:
    """The modules of a tree, found from its import roots: folders from which modules are imported by name."""

    def __init__(self, tree: Tree, roots: Sequence[str] = ("",)) -> None:
        """Give each Python file its dotted names, one for each root that it is below."""
        self.tree = tree
        self.roots = tuple(roots)
        self._paths: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._imports: dict[str, dict[str, str]] = {}
        self._bindings: dict[str, dict[str, list[tuple[ast.expr, bool]]]] = {}
        self._definitions: dict[str, dict[str, Definition]] = {}
        self._parents: dict[str, dict[ast.AST, ast.AST]] = {}
        self._locals: dict[str, dict[str, ast.expr]] = {}
        self._stars: dict[str, list[str]] = {}
        self._by_star: dict[tuple[str, str], str] = {}
        self._nodes: dict[str, list[ast.AST]] = {}
        for root in sorted(roots, key=len, reverse=True):
            start = f"{root}/" if root else ""
            for path in tree.python():
                if path.startswith(start):
                    dotted = path.removeprefix(start).removesuffix(".py").replace("/", ".")
                    dotted = dotted.removesuffix("__init__").rstrip(".")
                    self._paths.setdefault(dotted, path)
                    self._names.setdefault(path, dotted)

    def path(self, dotted: str) -> str:
        """Return the file of a module, or an empty string; the root is none, even where an __init__.py lies in it."""
        return self._paths.get(dotted, "") if dotted else ""

    def name(self, path: str) -> str:
        """Return the dotted name of a file's module."""
        return self._names.get(path, "")

    def at(self, path: str, node: ast.AST | None = None) -> str:
        """Return how a place in a file is told."""
        return self.tree.at(path, getattr(node, "lineno", 0))

    def module_of(self, dotted: str) -> tuple[str, str]:
        """Return the file of the module that a dotted name begins with, and the rest of the name."""
        parts = dotted.split(".")
        for end in range(len(parts), 0, -1):
            path = self.path(".".join(parts[:end]))
            if path:
                return path, ".".join(parts[end:])
        return "", dotted

    def nodes(self, path: str) -> list[ast.AST]:
        """Return all nodes of a file."""
        if path not in self._nodes:
            self._nodes[path] = list(ast.walk(self.tree.module(path)))
        return self._nodes[path]

    def calls(self, path: str) -> Iterator[ast.Call]:
        """Return all calls in a file."""
        return (node for node in self.nodes(path) if isinstance(node, ast.Call))

    def parents(self, path: str, node: ast.AST) -> Iterator[ast.AST]:
        """Return what a node stands in, from the inside to the module."""
        if path not in self._parents:
            self._parents[path] = {child: above for above in self.nodes(path) for child in ast.iter_child_nodes(above)}
        found = self._parents[path].get(node)
        while found is not None:
            yield found
            found = self._parents[path].get(found)

    def imports(self, path: str) -> dict[str, str]:
        """Return the names that a file imports, by the dotted name that each stands for; `*` is not among them."""
        if path not in self._imports:
            found: dict[str, str] = {}
            for node in self.nodes(path):
                if isinstance(node, ast.Import):
                    for alias in node.names:
                        name = alias.name if alias.asname else alias.name.partition(".")[0]
                        found.setdefault(alias.asname or name, name)
                elif isinstance(node, ast.ImportFrom):
                    for alias in node.names:
                        if alias.name != "*":
                            found.setdefault(alias.asname or alias.name, f"{self.source(path, node)}.{alias.name}")
            self._imports[path] = found
        return self._imports[path]

    def at_import(self, path: str, dotted: str) -> str:
        """Return how the place is told where a file imports a name."""
        return self.at(path, next(self._importing(path, dotted), None))

    def _importing(self, path: str, dotted: str) -> Iterator[ast.AST]:
        """Return where a file imports a name, or a module below it."""
        last = dotted.rpartition(".")[2]
        for node in self.nodes(path):
            names = [item.name for item in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            below = isinstance(node, ast.Import) and any(name.startswith(f"{dotted}.") for name in names)
            if below or last in {name.rpartition(".")[2] for name in names}:
                yield node

    def needs_import(self, path: str, dotted: str) -> bool:
        """Tell whether a file can't do without a name that it imports: no condition asks first, and no error is caught.

        Nor does it where only a function imports it.
        """
        guards = (ast.Try, ast.If, *FUNCTIONS)
        return any(
            not any(isinstance(above, guards) for above in self.parents(path, node))
            for node in self._importing(path, dotted)
        )

    def stars(self, path: str) -> list[str]:
        """Return the modules from which a file imports all names, the last first, for it has the last word.

        Those for development have none: a condition mostly chooses between them and others.
        """
        if path not in self._stars:
            nodes = [node for node in statements(self.tree.module(path).body) if isinstance(node, ast.ImportFrom)]
            named = [self.source(path, node) for node in reversed(nodes) if node.names[0].name == "*"]
            self._stars[path] = sorted(named, key=lambda name: bool(DEVELOPMENT.search(name)))
        return self._stars[path]

    def source(self, path: str, node: ast.ImportFrom) -> str:
        """Return the dotted name of the module that names are imported from."""
        if not node.level:
            return node.module or ""
        package = self.name(path).split(".")
        if path.endswith("__init__.py"):
            package = [*package, ""]
        return ".".join([*package[: -node.level], *([node.module] if node.module else [])])

    def bindings(self, path: str) -> dict[str, list[tuple[ast.expr, bool]]]:
        """Return the values that a module gives to its names, in order; the second part is true for `+=`."""
        if path not in self._bindings:
            found: dict[str, list[tuple[ast.expr, bool]]] = {}
            elsewhere = {node for branch in self._elsewhere(path) for node in ast.walk(branch)}
            for node in statements(self.tree.module(path).body):
                for name, value in assigned(node):
                    if node not in elsewhere:
                        found.setdefault(name, []).append((value, isinstance(node, ast.AugAssign)))
            self._bindings[path] = found
        return self._bindings[path]

    def _elsewhere(self, path: str) -> Iterator[ast.stmt]:
        """Return the statements of branches that a variable chooses for those who keep files on a server of others."""
        for node in self.tree.module(path).body:
            is_choice = isinstance(node, ast.If) and not isinstance(node.test, ast.UnaryOp)
            if (
                isinstance(node, ast.If)
                and is_choice
                and REMOTE.search(" ".join({*words(node.test), *constants(node.test)}))
            ):
                yield from node.body

    def definitions(self, path: str) -> dict[str, Definition]:
        """Return the functions and classes of a module."""
        if path not in self._definitions:
            nodes = statements(self.tree.module(path).body)
            self._definitions[path] = {
                node.name: node for node in nodes if isinstance(node, (*FUNCTIONS, ast.ClassDef))
            }
        return self._definitions[path]

    def has_name(self, path: str, name: str) -> bool:
        """Tell whether a module gives a value to a name, or defines it."""
        return name in self.bindings(path) or name in self.definitions(path)

    def qualified(self, path: str, node: ast.AST) -> str:
        """Return the full name that an expression stands for, such as `flask.Flask`, or an empty string."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        if self.has_name(path, node.id):
            start = f"{self.name(path)}.{node.id}"
        else:
            start = self.imports(path).get(node.id) or self._from_star(path, node.id) or node.id
        return ".".join([start, *parts])

    def _from_star(self, path: str, name: str, steps: int = 0) -> str:
        """Return the full name of what a module has from another by `import *`, or an empty string."""
        key = (path, name)
        if key not in self._by_star:
            self._by_star[key] = ""  # for those that lead in a circle
            for star in self.stars(path):
                source = self.path(star)
                if source and self.has_name(source, name):
                    self._by_star[key] = f"{star}.{name}"
                elif source:
                    further = self._from_star(source, name, steps + 1) if steps < MAX_STARS else ""
                    self._by_star[key] = self.imports(source).get(name) or further
                if self._by_star[key]:
                    break
        return self._by_star[key]

    def resolve(self, dotted: str) -> tuple[str, str]:
        """Return the file that defines a dotted name and the name there; both are empty where none of these does."""
        for _ in range(MAX_STEPS):
            path, rest = self.module_of(dotted)
            head, _, tail = rest.partition(".")
            if not path or not head:
                return "", ""
            if self.has_name(path, head):
                return path, rest
            target = self.imports(path).get(head) or self._from_star(path, head)
            if not target:
                return "", ""
            dotted = f"{target}.{tail}" if tail else target
        return "", ""

    def definition(self, path: str, node: ast.AST) -> tuple[str, Definition | None]:
        """Return the file and the node of the function or class that an expression names."""
        found, name = self.resolve(self.qualified(path, node))
        return found, self.definitions(found).get(name) if found else None

    def maker(self, path: str, node: ast.AST) -> str:
        """Return the full name of what has made the object that an expression names, such as `flask.Flask`."""
        where, value = self.origin(path, node)
        return self.qualified(where, value.func) if isinstance(value, ast.Call) else ""

    def origin(self, path: str, node: ast.AST) -> tuple[str, ast.expr | None]:
        """Return the last value that was given to the name that an expression is, and the file of that."""
        where, name = self.resolve(self.qualified(path, node))
        if where and name in self.bindings(where):
            return where, self.bindings(where)[name][-1][0]
        if isinstance(node, ast.Name):
            return path, self._local_values(path).get(node.id)
        return "", None

    def _local_values(self, path: str) -> dict[str, ast.expr]:
        """Return the values that functions of a file give to their names."""
        if path not in self._locals:
            self._locals[path] = {name: value for node in self.nodes(path) for name, value in assigned(node)}
        return self._locals[path]

    def closure(self, starts: Iterable[str]) -> list[str]:
        """Return the files of some modules and of all that they import, in sorted order.

        Names of modules in texts count as imports, as they are for Django and for factories.
        """
        seen: set[str] = set()
        waiting = [path for path in starts if path]
        while waiting:
            path = waiting.pop()
            if path not in seen:
                seen.add(path)
                for name in self._mentioned(path):
                    waiting.extend(self._packages(name))
        return sorted(seen)

    def _mentioned(self, path: str) -> Iterator[str]:
        """Return the dotted names that a file imports or has in its texts."""
        yield from self.imports(path).values()
        yield from self.stars(path)
        for node in self.nodes(path):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and MODULE.fullmatch(node.value[:200]):
                yield node.value

    def _packages(self, dotted: str) -> Iterator[str]:
        """Return the files of the modules that a dotted name leads through."""
        parts = dotted.split(".")
        return (path for end in range(len(parts)) if (path := self.path(".".join(parts[: end + 1]))))
