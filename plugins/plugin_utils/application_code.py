"""What the Python code of an application says, without running it: names, imports, and values that are constant."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.application_tree import Tree

# What can't be told without running the code.
UNKNOWN: Any = type("Unknown", (), {"__repr__": lambda self: "UNKNOWN"})()
# Names that lead on to another name, and values made of values: no code that people write has more of them.
MAX_STEPS = 30
# Parts of one value, and the length of a text; names that stand for two others each would make endless ones.
MAX_PARTS = 10_000
MAX_LENGTH = 4096
# A text that may be the name of a module, or of something in one.
MODULE = re.compile(r"[A-Za-z_]\w*(\.\w+){1,10}")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Code:
    """The modules of a tree, found from its import roots: folders from which modules are imported by name.

    Paths in values are relative to the tree, as PurePosixPath; those that lead out of it begin with `..` or `/`.
    """

    def __init__(self, tree: Tree, roots: Sequence[str] = ("",)) -> None:
        """Give each Python file its dotted names, one for each root that it is below."""
        self.tree = tree
        self._paths: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._imports: dict[str, dict[str, str]] = {}
        self._bindings: dict[str, dict[str, list[tuple[ast.expr, bool]]]] = {}
        self._definitions: dict[str, dict[str, Definition]] = {}
        self._parents: dict[str, dict[ast.AST, ast.AST]] = {}
        self._locals: dict[str, dict[str, ast.expr]] = {}
        self._parts = 0
        for root in sorted(roots, key=len, reverse=True):
            start = f"{root}/" if root else ""
            for path in tree.python():
                if path.startswith(start):
                    dotted = path.removeprefix(start).removesuffix(".py").replace("/", ".")
                    dotted = dotted.removesuffix("__init__").rstrip(".")
                    self._paths.setdefault(dotted, path)
                    self._names.setdefault(path, dotted)

    def path(self, dotted: str) -> str:
        """Return the file of a module, or an empty string."""
        return self._paths.get(dotted, "")

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

    def nodes(self, path: str) -> Iterator[ast.AST]:
        """Return all nodes of a file."""
        return ast.walk(self.tree.module(path))

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
                            found.setdefault(alias.asname or alias.name, f"{self._source(path, node)}.{alias.name}")
            self._imports[path] = found
        return self._imports[path]

    def stars(self, path: str) -> list[str]:
        """Return the modules from which a file imports all names, the last first, for it has the last word."""
        nodes = [node for node in statements(self.tree.module(path).body) if isinstance(node, ast.ImportFrom)]
        return [self._source(path, node) for node in reversed(nodes) if node.names[0].name == "*"]

    def _source(self, path: str, node: ast.ImportFrom) -> str:
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
            for node in statements(self.tree.module(path).body):
                for name, value in assigned(node):
                    found.setdefault(name, []).append((value, isinstance(node, ast.AugAssign)))
            self._bindings[path] = found
        return self._bindings[path]

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

    def _from_star(self, path: str, name: str) -> str:
        """Return the full name of what a module has from another by `import *`, or an empty string."""
        for star in self.stars(path):
            source = self.path(star)
            if source and (self.has_name(source, name) or name in self.imports(source)):
                return f"{star}.{name}"
        return ""

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

    def value(self, path: str, node: ast.AST | None, steps: int = 0) -> Any:
        """Return the value of an expression, or UNKNOWN; what is read from the environment has its default."""
        self._parts = self._parts + 1 if steps else 0
        if steps > MAX_STEPS or self._parts > MAX_PARTS or node is None:
            return UNKNOWN
        further = steps + 1
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            return [self.value(path, item, further) for item in node.elts if not isinstance(item, ast.Starred)]
        if isinstance(node, ast.Dict):
            return {
                key.value: self.value(path, value, further)
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            }
        if isinstance(node, ast.Name):
            return self._named(path, node.id, further)
        if isinstance(node, ast.Attribute):
            return self._attribute(path, node, further)
        if isinstance(node, ast.BinOp):
            return self._operation(path, node, further)
        if isinstance(node, ast.JoinedStr):
            parts = [
                self.value(path, part.value if isinstance(part, ast.FormattedValue) else part, further)
                for part in node.values
            ]
            return _text(parts)
        if isinstance(node, ast.Subscript):
            return self._item(path, node, further)
        return self._result(path, node, further) if isinstance(node, ast.Call) else UNKNOWN

    def setting(self, path: str, name: str) -> Any:
        """Return the value that a module has under a name, or UNKNOWN."""
        self._parts = 0
        return self._named(path, name, 1)

    def setting_node(self, path: str, name: str) -> tuple[str, ast.expr | None]:
        """Return the file and the expression of a module's name, which may come from another by `import *`."""
        return self.origin(path, ast.Name(name, ast.Load()))

    def _named(self, path: str, name: str, steps: int) -> Any:
        """Return the value of a module's name: the last one that it was given, and what was added to it since."""
        if name == "__file__":
            return PurePosixPath(path)
        if name == "__name__":
            return self.name(path)
        values = self.bindings(path).get(name, [])
        given = [index for index, (_, is_added) in enumerate(values) if not is_added]
        if given:
            found = self.value(path, values[given[-1]][0], steps)
            added = values[given[-1] + 1 :]
        else:
            source, inner = self.resolve(self.imports(path).get(name) or self._from_star(path, name) or "")
            if not source or steps > MAX_STEPS:
                return UNKNOWN
            found, added = self._named(source, inner, steps + 1), values
        for value, _ in added:
            found = _sum(found, self.value(path, value, steps))
        return found

    def _attribute(self, path: str, node: ast.Attribute, steps: int) -> Any:
        """Return the value of a path's parent, of another module's name, or of a setting that has a default."""
        if node.attr == "parent":
            place = _place(self.value(path, node.value, steps))
            return UNKNOWN if place is None else place / ".."
        where, inner = self.resolve(self.qualified(path, node))
        if where and "." not in inner:
            return self._named(where, inner, steps)
        found, name = self.resolve(self.maker(path, node.value))
        made = self.definitions(found).get(name) if found else None
        if isinstance(made, ast.ClassDef):
            for statement in made.body:
                for attribute, value in assigned(statement):
                    if attribute == node.attr:
                        return self.value(found, value, steps)
        return UNKNOWN

    def _operation(self, path: str, node: ast.BinOp, steps: int) -> Any:
        """Return a sum, or a path that another is added to."""
        left, right = self.value(path, node.left, steps), self.value(path, node.right, steps)
        if isinstance(node.op, ast.Add):
            return _sum(left, right)
        if isinstance(node.op, ast.Div):
            return _joined(left, right)
        place = _place(left)
        if isinstance(node.op, ast.Sub) and place is not None and isinstance(right, int):
            return place.joinpath(*[".."] * min(right, MAX_STEPS))  # environ.Path(__file__) - 2
        return UNKNOWN

    def _item(self, path: str, node: ast.Subscript, steps: int) -> Any:
        """Return a parent of a path by its number, or an item of a dictionary."""
        index = self.value(path, node.slice, steps)
        if isinstance(node.value, ast.Attribute) and node.value.attr == "parents" and isinstance(index, int):
            place = _place(self.value(path, node.value.value, steps))
            return UNKNOWN if place is None else place.joinpath(*[".."] * min(index + 1, MAX_STEPS))
        value = self.value(path, node.value, steps)
        return value.get(index, UNKNOWN) if isinstance(value, dict) and isinstance(index, str) else UNKNOWN

    def _result(self, path: str, node: ast.Call, steps: int) -> Any:
        """Return what a call gives that makes a path or a text, or that reads the environment with a default."""
        name = self.qualified(path, node.func)
        method = node.func.attr if isinstance(node.func, ast.Attribute) else name.rpartition(".")[2]
        if method in ("resolve", "absolute") and isinstance(node.func, ast.Attribute):
            return self.value(path, node.func.value, steps)
        arguments = [self.value(path, argument, steps) for argument in node.args]
        if name == "str" or name.endswith(("path.abspath", "path.realpath", "path.normpath")):
            return arguments[0] if arguments else UNKNOWN
        if name.endswith(("path.dirname",)):
            return _joined(*arguments, "..") if arguments else UNKNOWN
        if name in ("pathlib.Path", "pathlib.PurePath", "environ.Path") or name.endswith("path.join"):
            return _joined(*arguments)
        if method == "joinpath" and isinstance(node.func, ast.Attribute):
            return _joined(self.value(path, node.func.value, steps), *arguments)
        return self._default(path, node, steps)

    def _default(self, path: str, node: ast.Call, steps: int) -> Any:
        """Return the default of a call such as `os.environ.get("NAME", default)`, or UNKNOWN."""
        if not node.args or not isinstance(node.args[0], ast.Constant):
            return UNKNOWN
        named = [keyword.value for keyword in node.keywords if keyword.arg == "default"]
        is_get = self.qualified(path, node.func) in ("os.environ.get", "os.getenv")
        found = named or (node.args[1:2] if is_get else [])
        return self.value(path, found[0], steps) if found else UNKNOWN


def statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Return the statements that run when a module is loaded, in order; the branches of conditions are among them."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.For | ast.While):
            if not _is_main(node):
                yield from statements(node.body)
            yield from statements(node.orelse)
        elif isinstance(node, ast.With):
            yield from statements(node.body)
        elif isinstance(node, ast.Try):
            handlers = [statement for handler in node.handlers for statement in handler.body]
            yield from statements([*node.body, *handlers, *node.orelse, *node.finalbody])


def has_main(module: ast.Module) -> bool:
    """Tell whether a module can be run, as by `python -m`."""
    return any(_is_main(node) for node in module.body)


def _is_main(node: ast.stmt) -> bool:
    """Tell whether a statement is `if __name__ == "__main__":`."""
    return isinstance(node, ast.If) and "__main__" in {
        part.value for part in ast.walk(node.test) if isinstance(part, ast.Constant)
    }


def assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Return the names that a statement gives a value, and the values."""
    if isinstance(node, ast.Assign):
        yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign | ast.AugAssign) and isinstance(node.target, ast.Name) and node.value:
        yield node.target.id, node.value


def constants(node: ast.AST) -> set[str]:
    """Return the texts in a piece of code."""
    return {part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)}


def words(node: ast.AST) -> Iterator[str]:
    """Return the names in a piece of code, those of attributes among them."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, ast.Attribute):
            yield part.attr


def keyword(node: ast.Call, *names: str) -> ast.expr | None:
    """Return the value of a call's first argument that has one of these names, or None."""
    return next((argument.value for argument in node.keywords if argument.arg in names), None)


def argument(node: ast.Call, index: int, *names: str) -> ast.expr | None:
    """Return the value of a call's argument by its place or else by its names, or None."""
    return node.args[index] if len(node.args) > index else keyword(node, *names)


def folder(value: Any) -> str:
    """Return the folder that a value names, relative to the tree, or an empty string where it names none."""
    return normpath(str(value)) if isinstance(value, str | PurePosixPath) and str(value) else ""


def _place(value: Any) -> PurePosixPath | None:
    """Return a value as a path, or None."""
    return PurePosixPath(normpath(str(value))) if isinstance(value, str | PurePosixPath) and str(value) else None


def _joined(*parts: Any) -> Any:
    """Return a path of several parts; it is UNKNOWN as soon as a part is."""
    places = [_place(part) for part in parts]
    if not places or None in places:
        return UNKNOWN
    return PurePosixPath(normpath(str(PurePosixPath(*[place for place in places if place is not None]))))


def _text(parts: list[Any]) -> Any:
    """Return texts as one, which is a path where one of them is; it is UNKNOWN as soon as one is no text."""
    if not all(isinstance(part, str | int | PurePosixPath) for part in parts):
        return UNKNOWN
    text = "".join(map(str, parts))[:MAX_LENGTH]
    return PurePosixPath(normpath(text)) if any(isinstance(part, PurePosixPath) for part in parts) else text


def _sum(left: Any, right: Any) -> Any:
    """Return two texts or two lists as one; a list keeps what is known of it."""
    if isinstance(left, str | PurePosixPath) and isinstance(right, str):
        return _text([left, right])
    if isinstance(left, list) or isinstance(right, list):
        return [*(left if isinstance(left, list) else [UNKNOWN]), *(right if isinstance(right, list) else [UNKNOWN])]
    return UNKNOWN
