"""Changes of variables by name; attributes and keywords of the same name stay as they are."""

from __future__ import annotations

from collections.abc import Mapping

import libcst as cst


class VariableTransformer(cst.CSTTransformer):
    """A transformer whose `leave_Name` reaches variables only."""

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        """Put the attribute's own name back."""
        return updated_node.with_changes(attr=original_node.attr)

    def leave_Arg(self, original_node: cst.Arg, updated_node: cst.Arg) -> cst.Arg:
        """Put the keyword back."""
        return updated_node.with_changes(keyword=original_node.keyword)


class Rename(VariableTransformer):
    """Renames variables."""

    def __init__(self, names: Mapping[str, str]) -> None:
        """Take the new names by the old ones."""
        super().__init__()
        self._names = names

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        """Give the variable its new name, if it has one."""
        return updated_node.with_changes(value=self._names.get(original_node.value, original_node.value))


class Substitute(VariableTransformer):
    """Puts expressions for variables, in parentheses where they need them."""

    def __init__(self, values: Mapping[str, cst.BaseExpression]) -> None:
        """Take the expressions by the names that they stand for."""
        super().__init__()
        self._values = values

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        """Return what stands for the variable, if it is one of those."""
        value = self._values.get(original_node.value)
        if value is None:
            return updated_node
        value = value.deep_clone()
        if isinstance(value, cst.Name):
            return updated_node.with_changes(value=value.value)
        if value.lpar or isinstance(value, cst.Attribute | cst.Float | cst.SimpleString | cst.Integer):
            return value
        return value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        """Put the attribute's own name back, and a literal before it in parentheses."""
        node = updated_node.with_changes(attr=original_node.attr)
        if isinstance(node.value, cst.Integer) and not node.value.lpar:
            inner = node.value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
            return node.with_changes(value=inner)
        return node
