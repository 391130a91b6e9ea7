"""The query language of monitors: parsing a query, explaining it, and testing a mention against it. See docs/queries.md."""

from tocsin.query.errors import QueryError
from tocsin.query.evaluate import Asked, compile_query
from tocsin.query.explain import explain
from tocsin.query.fold import fold
from tocsin.query.lint import lint
from tocsin.query.parser import parse_query
from tocsin.query.tree import Query

__all__ = ["Asked", "Query", "QueryError", "compile_query", "explain", "fold", "lint", "parse_query"]
