"""What the programs in ``tests/typed`` say to type checkers is true of what they compute."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, NoneType, UnionType
from typing import Any, get_args, get_origin

import pytest

from tests.typed import functional, networks, values


def holds(value: Any, kind: Any) -> None:
    origin = get_origin(kind) or kind
    if origin is UnionType:
        assert any(value is None if its is NoneType else isinstance(value, its) for its in get_args(kind))
    elif origin is float:
        assert type(value) is float
    elif origin is not Any:
        assert isinstance(value, origin)
        if origin is tuple and get_args(kind)[-1] is not ...:
            for item, its in zip(value, get_args(kind), strict=True):
                holds(item, its)
        elif origin in (tuple, list) and get_args(kind):
            for item in value:
                holds(item, get_args(kind)[0])


@pytest.mark.parametrize(
    ("module", "program"),
    [(module, program) for module in (functional, networks, values) for program in module.CHECKED],
)
def test_what_type_checkers_are_told_is_true(
    module: ModuleType, program: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []

    def check(value: Any, kind: Any) -> Any:
        told.append(kind)
        holds(value, kind)
        return value

    monkeypatch.setattr(module, "assert_type", check)
    program()
    assert len(told) > 3


def test_what_is_not_true_is_noticed() -> None:
    for value, kind in [
        (1, float),
        ([1], list[float]),
        ((1.0, 2), tuple[float, float]),
        ([[1.0], 2], list[list[float]]),
    ]:
        with pytest.raises(AssertionError):
            holds(value, kind)
