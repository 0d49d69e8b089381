"""The Python blocks of a page of the documentation, run as a reader would type them."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from textwrap import dedent
from typing import Any

ROOT = Path(__file__).parents[1]


def blocks(text: str, language: str) -> list[str]:
    return [dedent(block) for block in re.findall(rf"^ *```{language}\n(.*?)```", text, re.DOTALL | re.MULTILINE)]


def run(code: str, names: dict[str, Any], *, where: str = "snippet") -> None:
    """Run a block; an expression with a literal in the comment behind it has to have that value."""
    tree = _Values(code.splitlines()).visit(ast.parse(code))
    names["_expect"] = _expect
    exec(compile(ast.fix_missing_locations(tree), where, "exec"), names)  # noqa: S102


class Page:
    """A page whose blocks are run one after the other, with the names that are given to it and those they make."""

    def __init__(self, name: str, **names: Any) -> None:
        self.name = name
        self.names = names
        self.rest = blocks((ROOT / name).read_text(), "python")

    def run(self, *, count: int = 1, **names: Any) -> None:
        """Run the next block, or several."""
        self.names.update(names)
        for _ in range(count):
            run(self.rest.pop(0), self.names, where=self.name)


class _Values(ast.NodeTransformer):
    """Has each expression that a comment gives the value of compared with it."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        comment = self.lines[(node.end_lineno or 1) - 1][node.end_col_offset or 0 :].strip().removeprefix("#")
        try:
            expected = ast.literal_eval(comment.strip())
        except (SyntaxError, ValueError):
            return node
        call = ast.Name("_expect", ast.Load())
        arguments: list[ast.expr] = [node.value, ast.Constant(expected), ast.Constant(ast.unparse(node))]
        return ast.copy_location(ast.Expr(ast.Call(call, arguments, [])), node)


def _expect(value: object, expected: object, source: str) -> None:
    assert value == expected, f"{source} is {value!r}, and said to be {expected!r}"
