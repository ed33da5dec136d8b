import json
from collections import OrderedDict, UserDict
from datetime import datetime, timezone
from decimal import Decimal
from enum import IntEnum
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_tandem.errors import InvalidJob, InvalidResult, NotJson, TandemError
from django_tandem.queue.arguments import dump_arguments, dump_return, load_arguments, load_return

LIMIT = 1024 * 1024

characters = st.text(st.characters())  # lone surrogates, too
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | characters
values = st.recursive(
    leaves, lambda v: st.lists(v, max_size=4) | st.dictionaries(characters, v, max_size=4), max_leaves=20
)


def dump(*args, **kwargs):
    return dump_arguments("a.task", args, kwargs, LIMIT)


@given(st.lists(values, max_size=4), st.dictionaries(characters, values, max_size=4))
def test_json_goes_in_and_comes_out(args, kwargs):
    text = dump_arguments("a.task", args, kwargs, LIMIT)
    assert load_arguments(text) == (args, kwargs)
    assert text.isascii()


@given(values)
def test_what_a_task_returns_comes_back(value):
    assert load_return(dump_return("a.task", value, LIMIT)) == value


class Colour(IntEnum):
    RED = 1


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        ((1, 2), [1, 2]),
        (range(3), [0, 1, 2]),
        (b"text", "text"),
        ([b"text"], ["text"]),
        (OrderedDict(a=1), {"a": 1}),
        (UserDict(a=(1,)), {"a": [1]}),
        ({2: "two", None: "none", True: "yes"}, {"2": "two", "null": "none", "true": "yes"}),
        (Colour.RED, 1),
        ("\x00", "\x00"),
    ],
)
def test_what_has_a_json_form_takes_it(value, arrives):
    assert load_arguments(dump(value))[0] == [arrives]
    assert load_return(dump_return("a.task", value, LIMIT)) == arrives


def nested(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


itself = []
itself.append({"again": itself})


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (
            datetime(2030, 1, 1, tzinfo=timezone.utc),
            "is of type datetime; Unsupported type: <class 'datetime.datetime'>",
        ),
        (Decimal("1.5"), "is of type Decimal"),
        (uuid4(), "is of type UUID"),
        ({1, 2}, "is of type set"),
        (object(), "is of type object"),
        ({(1, 2): 3}, "has a key of type tuple; expected str"),
    ],
)
def test_a_type_that_is_not_json_is_refused_with_its_path(value, told):
    for error in (NotJson, InvalidJob, TandemError, TypeError, ValueError):
        with pytest.raises(error):
            dump(value)
    with pytest.raises(NotJson) as refused:
        dump(1, [0, {"deep": value}])
    assert str(refused.value).startswith(f"a.task: args[1][1]['deep'] {told}")
    with pytest.raises(NotJson) as refused:
        dump(by_name=(value,))
    assert str(refused.value).startswith(f"a.task: by_name[0] {told}")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), " is nan; expected a finite number"),
        (float("inf"), " is inf; expected a finite number"),
        (float("-inf"), " is -inf; expected a finite number"),
        ({float("nan"): 1}, ", its key is nan; expected a finite number"),
        (b"\xff", " is bytes that are not UTF-8; expected text"),
        (itself, "[0]['again'] contains itself; expected JSON"),
    ],
)
def test_a_value_that_json_cannot_hold_is_refused_with_its_path(value, told):
    with pytest.raises(InvalidJob) as refused:
        dump(1, {"here": value})
    assert str(refused.value).startswith(f"a.task: args[1]['here']{told}")


def test_a_number_that_no_text_can_hold_is_refused_with_its_path():
    with pytest.raises(InvalidJob, match=r"^a\.task: number\[0\] has no JSON form: .*limit"):
        dump(number=[10**5000])


def test_what_is_nested_too_deeply_is_refused_and_told_as_such():
    value = nested(200_000)
    with pytest.raises(InvalidJob, match=r"^a\.task: its arguments are nested too deeply"):
        dump(1, deep=value)


def test_what_appears_twice_does_not_contain_itself():
    shared = [b"x"]
    assert load_arguments(dump(shared, shared)) == ([["x"], ["x"]], {})


def test_arguments_larger_than_the_limit_are_refused_with_both_sizes():
    assert json.loads(dump_arguments("a.task", ["x" * 4], {}, 13)) == [["xxxx"], {}]
    with pytest.raises(InvalidJob, match=r"^a\.task: its arguments are 14 bytes as JSON, expected at most 13 "):
        dump_arguments("a.task", ["x" * 5], {}, 13)
    with pytest.raises(InvalidJob, match="are 15 bytes"):
        dump_arguments("a.task", ["é"], {}, 13)


def test_nothing_returned_is_nothing():
    assert dump_return("a.task", None, 1) is None
    assert load_return(None) is None


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (object(), r"return_value is of type object; .*expected str, int"),
        ({"a": [1, object()]}, r"return_value\['a'\]\[1\] is of type object"),
        ([float("nan")], r"return_value\[0\] is nan; expected a finite number"),
        ([b"\xff"], r"return_value\[0\] is bytes that are not UTF-8; expected text"),
        (itself, r"return_value\[0\]\['again'\] contains itself; expected JSON"),
        (nested(100_000), r"return_value is nested too deeply; expected a few levels"),
    ],
)
def test_what_is_returned_and_is_not_json_is_refused_with_its_path(value, says):
    with pytest.raises(InvalidResult, match=r"^a\.task: " + says):
        dump_return("a.task", value, LIMIT)


def test_what_is_returned_and_larger_than_the_limit_is_refused_with_both_sizes():
    assert dump_return("a.task", "é" * 2, 14) == r'"\u00e9\u00e9"'
    with pytest.raises(InvalidResult, match=r"^a\.task: return_value is 14 bytes as JSON, expected at most 13 "):
        dump_return("a.task", "é" * 2, 13)
