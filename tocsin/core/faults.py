"""What pydantic finds wrong with a value, as sentences of ours that can be said in the reader's language."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any, Final

from tocsin.core.patterns import SAID
from tocsin.core.sentences import Sentence

_TEXT: Final = "a text is needed"
_NUMBER: Final = "a number is needed"
_WHOLE: Final = "a whole number is needed"
_SWITCH: Final = "true or false is needed"
_LIST: Final = "a list is needed"
_OBJECT: Final = "an object with named fields is needed"
_TIME: Final = "a time is needed, such as 2026-11-22T09:00:00Z"
_ZONED: Final = "a time needs an offset from UTC, such as 2026-11-22T09:00:00Z"
_CHOICE: Final = "choose one of: {expected}"
_ADDRESS: Final = "an address is needed, such as https://tocsin.example"

_SHOWN: Final = 40
"""Of a value that does not fit, so many characters are shown."""

WORDS: Final[Mapping[str, str]] = {
    "missing": "this field is needed",
    "extra_forbidden": "there is no such field",
    "string_type": _TEXT,
    "string_too_short": "at least {min_length} characters are needed",
    "string_empty": "this may not be empty",
    "string_too_long": "at most {max_length} characters are taken",
    "string_pattern_mismatch": "this is not written as it must be: {pattern}",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _SWITCH,
    "bool_parsing": _SWITCH,
    "greater_than": "a number above {gt} is needed",
    "greater_than_equal": "a number of at least {ge} is needed",
    "less_than": "a number below {lt} is needed",
    "less_than_equal": "a number of at most {le} is needed",
    "literal_error": _CHOICE,
    "enum": _CHOICE,
    "too_short": "at least {min_length} of them are needed",
    "too_long": "at most {max_length} of them are taken",
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "datetime_object_invalid": _TIME,
    "date_type": "a day is needed, such as 2026-11-22",
    "date_parsing": "a day is needed, such as 2026-11-22",
    "date_from_datetime_parsing": "a day is needed, such as 2026-11-22",
    "timezone_aware": _ZONED,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "url_parsing": _ADDRESS,
    "url_scheme": _ADDRESS,
    "json_invalid": "this is no JSON: {error}",
}
"""By pydantic's type of the error; what stands in braces is in the error's context. An empty text where one character at least is
needed is `string_empty`.
"""


def fault_of(error: Mapping[str, Any]) -> str:
    """What is wrong, as one error of a `ValidationError` says it: a `Sentence` where it has one here or was raised with one,
    else pydantic's own words.
    """
    context: Mapping[str, Any] = error.get("ctx") or {}
    raised = context.get("error")
    if isinstance(raised, Exception) and raised.args and isinstance(raised.args[0], Sentence):
        return raised.args[0]
    if (said := SAID.get(str(context.get("pattern")))) is not None:
        return Sentence(said, value=repr(str(error.get("input"))[:_SHOWN]))
    empty = error["type"] == "string_too_short" and context.get("min_length") == 1
    pattern = WORDS.get("string_empty" if empty else str(error["type"]))
    places = [name for _, name, _, _ in string.Formatter().parse(pattern or "") if name]
    if pattern is None or not all(name in context for name in places):
        return str(error["msg"]).removeprefix("Value error, ")
    return Sentence(pattern, **{name: _plain(context[name]) for name in places})


def _plain(value: object) -> str:
    """A limit or choices as they stand in the sentence: pydantic joins the last two of several choices by a word."""
    return f"{value:g}" if isinstance(value, float) else str(value).replace(" or ", ", ")
