"""Trees taken apart and put together again: what is kept, what matches, and what is refused by name."""

from __future__ import annotations

import pickle
import warnings
from collections import Counter, OrderedDict, UserDict, defaultdict, deque, namedtuple
from dataclasses import InitVar, dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from autograd.structures import Structure, flatten

Point = namedtuple("Point", "x y")
T = TypeVar("T")


class Typed(NamedTuple):
    scale: float
    shift: list[float]


@dataclass
class Layer:
    w: Any
    b: Any
    kind: ClassVar[str] = "dense"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    mean: float
    deviation: float

    def __post_init__(self) -> None:
        if not self.deviation > 0:
            raise ValueError("a deviation is positive")


TREES: list[tuple[Any, list[Any], list[str]]] = [
    (2.5, [2.5], ["t"]),
    ([], [], []),
    ({}, [], []),
    ([1, True, Fraction(1, 2)], [1, True, Fraction(1, 2)], ["t[0]", "t[1]", "t[2]"]),
    ((1.0, (2.0,), []), [1.0, 2.0], ["t[0]", "t[1][0]"]),
    ({"b": 1.0, "a": [2.0]}, [1.0, 2.0], ["t['b']", "t['a'][0]"]),
    (OrderedDict([(2, 1.0), ((0, 1), 2.0)]), [1.0, 2.0], ["t[2]", "t[(0, 1)]"]),
    (Point(1.0, [2.0]), [1.0, 2.0], ["t.x", "t.y[0]"]),
    (Typed(1.0, [2.0, 3.0]), [1.0, 2.0, 3.0], ["t.scale", "t.shift[0]", "t.shift[1]"]),
    (Layer([1.0, 2.0], b=3.0), [1.0, 2.0, 3.0], ["t.w[0]", "t.w[1]", "t.b"]),
    (Frozen(mean=1.0, deviation=2.0), [1.0, 2.0], ["t.mean", "t.deviation"]),
    ([Layer({"u": 1.0}, Point(2.0, 3.0))], [1.0, 2.0, 3.0], ["t[0].w['u']", "t[0].b.x", "t[0].b.y"]),
]


@pytest.mark.parametrize(("tree", "numbers", "paths"), TREES, ids=str)
def test_apart_and_together(tree: Any, numbers: list[Any], paths: list[str]) -> None:
    leaves, structure = flatten(tree, "t")
    assert leaves == numbers
    assert [type(leaf) for leaf in leaves] == [type(number) for number in numbers]
    assert structure.size == len(numbers)
    assert structure.paths("t") == paths
    again = structure.rebuild(leaves)
    assert again == tree
    assert type(again) is type(tree)
    if paths:
        assert [eval(path, {"t": tree}) for path in paths] == numbers  # a path is how Python writes it
    assert structure.match(tree, "t") == numbers
    assert structure == flatten(again, "u")[1]
    assert hash(structure) == hash(flatten(again, "u")[1])
    assert pickle.loads(pickle.dumps(structure)) == structure


def test_structures_differ_in_types_keys_lengths_and_shapes() -> None:
    trees = [
        *(tree for tree, _, _ in TREES),
        [1.0],
        [1.0, 2.0],
        (1.0, 2.0),
        [[1.0], 2.0],
        [1.0, [2.0]],
        {"a": 1.0, "b": 2.0},
        {"b": 2.0, "a": 1.0},  # rebuilt in another order, and so may a function go through it
        {"a": 1.0, "c": 2.0},
        Point(1.0, 2.0),
        *map(np.zeros, [(), 1, 2, (2, 1), (1, 2), 0, (0, 1)]),
    ]
    structures = [flatten(tree, "t")[1] for tree in trees]
    assert len(set(structures)) == len(trees)
    assert structures[0] != structures[0].spec
    for tree, structure in zip(trees, structures, strict=True):
        assert [other == structure for other in structures].count(True) == 1
        twice = [Value(2.0 * i) for i in range(structure.size)]
        assert flatten(structure.rebuild(twice), "t")[1] == structure, tree
    assert repr(flatten({"a": [1.0, 2.0]}, "t")[1]) == "<Structure: a dict with the keys 'a', 2 numbers in all>"


def test_numbers_do_not_matter_to_a_structure() -> None:
    assert flatten([1, 2.0, True], "t")[1] == flatten([Value(0.0), Fraction(1), np.float32(3)], "t")[1]
    assert flatten(np.zeros(2, dtype=int), "t")[1] == flatten(np.array([Value(1.0), 2]), "t")[1]


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", ">f8", "i4", "u1", "?", "O", "g"])
def test_arrays_of_real_numbers(dtype: str) -> None:
    array = np.array([[1, 0, 1], [0, 1, 1]]).astype(dtype)
    for view in (array, array.T, array[:, ::2], np.asfortranarray(array)):
        leaves, structure = flatten(view, "a")
        assert leaves == [1.0 * x for x in view.ravel()]
        assert structure.paths("a")[1] == "a[0, 1]"
        again = structure.rebuild(map(float, leaves))
        assert again.dtype == float
        assert (again == view).all()
        assert again.shape == view.shape


def test_arrays_of_values_and_of_none() -> None:
    values = [Value(1.0), Value(2.0)]
    _, structure = flatten(np.zeros((2, 1)), "a")
    array = structure.rebuild(values)
    assert array.dtype == object
    assert array.shape == (2, 1)
    assert array[1, 0] is values[1]
    leaves, structure = flatten(np.array(values[0], dtype=object), "a")
    assert leaves[0] is values[0]
    assert structure.paths("a") == ["a"]
    assert structure.is_number
    assert structure.rebuild([3.0]).shape == ()
    for shape in (0, (0, 3), (2, 0)):
        leaves, structure = flatten(np.zeros(shape), "a")
        assert (leaves, structure.paths("a")) == ([], [])
        assert structure.rebuild([]).shape == np.zeros(shape).shape
        assert structure.rebuild([]).dtype == float


class Sequence(Value):
    """A Value that NumPy would take for a list."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, i: int) -> float:
        if i > 1:
            raise IndexError
        return 1.0


def test_numpy_does_not_look_into_the_numbers() -> None:
    values = [Sequence(1.0), Sequence(2.0)]
    array = flatten(np.zeros(2), "a")[1].rebuild(values)
    assert array.shape == (2,)
    assert array[0] is values[0]
    assert flatten(values, "a")[0] == values


@given(st.recursive(st.floats(-9, 9), lambda t: st.lists(t) | st.dictionaries(st.integers(), t) | st.tuples(t, t)))
def test_any_tree_comes_back(tree: Any) -> None:
    leaves, structure = flatten(tree, "t")
    assert structure.rebuild(leaves) == tree
    assert structure.match(tree, "t") == leaves
    assert len(structure.paths("t")) == structure.size == len(leaves)
    assert [eval(path, {"t": tree}) for path in structure.paths("t")] == leaves


def test_rebuild_counts() -> None:
    _, structure = flatten([1.0, (2.0, 3.0)], "t")
    for wrong in ([], [1.0, 2.0], [1.0, 2.0, 3.0, 4.0]):
        with pytest.raises(ValueError, match=f"of 3 numbers is rebuilt from as many leaves, not {len(wrong)}"):
            structure.rebuild(wrong)


# ---- matches ---------------------------------------------------------------------------------------------------------


def test_a_match_goes_by_key_and_not_by_order() -> None:
    _, structure = flatten({"a": 1.0, "b": {2: 1.0, 1: [0.0, 0.0]}}, "p")
    assert structure.match({"b": {1: (3.0, 4), 2: 5.0}, "a": 6.0}, "t") == [6.0, 5.0, 3.0, 4]
    assert structure.match(OrderedDict(b={1: np.array([3.0, 4.0]), 2: 5.0}, a=6.0), "t") == [6.0, 5.0, 3.0, 4.0]
    assert structure.rebuild(structure.match({"b": {1: [3.0, 4.0], 2: 5.0}, "a": 6.0}, "t")) == {
        "a": 6.0,
        "b": {2: 5.0, 1: [3.0, 4.0]},
    }


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ([1.0, 2.0], (1.0, 2.0)),
        ((1.0, 2.0), np.array([1.0, 2.0])),
        (np.array([1.0, 2.0]), [1.0, 2.0]),
        (1.0, np.array(1.0)),
        (np.array(1.0), 1.0),
        ([], ()),
        ((), np.array([])),
        ([[1.0], 2.0], (np.array([1.0]), 2.0)),
        (Layer([1.0], 2.0), Layer((1.0,), 2.0)),
        (Point([1.0], 2.0), Point((1.0,), 2.0)),
    ],
    ids=str,
)
def test_lists_tuples_and_arrays_of_one_axis_match(wanted: Any, given: Any) -> None:
    _, structure = flatten(wanted, "p")
    assert structure.match(given, "t") == flatten(given, "t")[0]


@pytest.mark.parametrize(
    ("wanted", "given", "message"),
    [
        ({"a": 1.0}, {"b": 1.0}, r"t must be a dict with the keys 'a' to match, not a dict with the keys 'b'"),
        ({"a": 1.0}, {"a": 1.0, "b": 1.0}, r"t must be .* 'a' to match, not .* 'a', 'b'"),
        ({"a": 1.0}, {}, r"t must be .* to match, not an empty dict"),
        ({"a": [1.0]}, {"a": 1.0}, r"t\['a'\] must be a list of 1 to match, not a number"),
        (1.0, [1.0], r"t must be a number to match, not a list of 1"),
        (1.0, np.ones(1), r"t must be a number to match, not an array of shape \(1,\)"),
        ([1.0, 2.0], [1.0], r"t must be a list of 2 to match, not a list of 1"),
        (([1.0, 2.0], 3.0), (1.0, [0.0, 0.0]), r"t\[0\] must be a list of 2 to match, not a number"),
        ([(1.0, 2.0), 3.0], [1.0, (0.0, 0.0)], r"t\[0\] must be a tuple of 2 to match, not a number"),
        ([1.0, [2.0]], np.ones(2), r"t must be a list of 2 to match, not an array of shape \(2,\)"),
        (np.ones(2), [1.0, [2.0]], r"t must be an array of shape \(2,\) to match, not a list of 2"),
        (np.ones((2, 3)), np.ones((3, 2)), r"t must be an array of shape \(2, 3\) to match, not .* \(3, 2\)"),
        (np.ones(3), np.ones((3, 1)), r"t must be an array of shape \(3,\) to match, not .* \(3, 1\)"),
        (np.ones((2, 1)), [[1.0], [1.0]], r"t must be an array of shape \(2, 1\) to match, not a list of 2"),
        (np.ones(0), np.ones((0, 2)), r"t must be an array of shape \(0,\) to match, not .* \(0, 2\)"),
        (Point(1.0, 2.0), (1.0, 2.0), r"t must be a Point to match, not a tuple of 2"),
        ((1.0, 2.0), Point(1.0, 2.0), r"t must be a tuple of 2 to match, not a Point"),
        (Layer(1.0, 2.0), Point(1.0, 2.0), r"t must be a Layer to match, not a Point"),
        (Layer(1.0, 2.0), {"w": 1.0, "b": 2.0}, r"t must be a Layer to match, not a dict with the keys 'w', 'b'"),
        (Layer([1.0], 2.0), Layer(1.0, 2.0), r"t\.w must be a list of 1 to match, not a number"),
        ({"a": [0.0, Point(1.0, 2.0)]}, {"a": [0.0, Point(1.0, [2.0])]}, r"t\['a'\]\[1\]\.y must be a number to match"),
        ([1.0], ["x"], r"t\[0\] must be a number, .*not str 'x'"),
    ],
    ids=str,
)
def test_what_does_not_match_is_named(wanted: Any, given: Any, message: str) -> None:
    _, structure = flatten(wanted, "p")
    with pytest.raises(TypeError, match=message):
        structure.match(given, "t")


# ---- what is refused -------------------------------------------------------------------------------------------------


class Plain:
    def __repr__(self) -> str:
        return "Plain()" + 1000 * "!"


with warnings.catch_warnings():
    warnings.simplefilter("ignore", PendingDeprecationWarning)
    MATRIX = np.asmatrix([[1.0]])


class Tensor:
    def __array__(self) -> Any:
        return np.ones(2)


Plain.__module__ = "torch.nn"


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ("x", r"t must be a number, a NumPy array, or a list, tuple, dict or dataclass of these, not str 'x'$"),
        (None, "not NoneType None$"),
        (1j, "not complex 1j$"),
        (Decimal(1), r"not decimal\.Decimal Decimal\('1'\)$"),
        ({1.0, 2.0}, r"not set \{1\.0, 2\.0\}; list makes a plain one of it"),
        ((x for x in [1.0]), "not generator <generator.*; list makes"),
        (map(abs, [1.0]), "not map <map.*; list makes"),
        (deque([1.0]), r"not collections\.deque deque\(\[1\.0\]\)$"),
        (Counter("a"), r"not collections\.Counter Counter\(.*; dict makes a plain one of it"),
        (defaultdict(float), r"not collections\.defaultdict defaultdict\(.*; dict makes"),
        (UserDict(), r"not collections\.UserDict"),
        (type("Row", (list,), {})([1.0]), r"not test_structures\.Row \[1\.0\]; list makes|Row \[1\.0\]; list makes"),
        (Plain(), r"not torch\.Plain Plain\(\)!+\.\.\.!+$"),
        (Plain, "not type <class"),
        (Layer, "not type <class"),
        (Tensor(), "Tensor.*; numpy.asarray makes a plain array of it"),
        (MATRIX, r"not numpy\.matrix .*; numpy.asarray makes a plain array of it"),
        (np.ma.masked_array([1.0, 2.0], [0, 1]), r"not numpy\.\w*MaskedArray .*; its methods filled and compressed"),
        (np.ma.masked, r"not numpy\.MaskedConstant"),
        (np.rec.array([(1.0,)]), r"not numpy\.recarray"),
        (np.array([1j]), "t must be an array of real numbers, not of complex128"),
        (np.array(["a"]), "t must be an array of real numbers, not of <U1"),
        (np.zeros(2, dtype="f8,i4"), "t must be an array of real numbers, not of "),
        (np.zeros(2, dtype="M8[s]"), r"t must be an array of real numbers, not of datetime64\[s\]"),
        (np.zeros(2, dtype="m8[s]"), r"t must be an array of real numbers, not of timedelta64\[s\]"),
        (np.array([[1.0, None]]), r"t\[0, 1\] must be a number, .*not NoneType None"),
        (np.array([[1.0], 2.0], dtype=object), r"t\[0\] must be a number, .*not list \[1\.0\]"),
        (np.complex128(1), r"not numpy\.complex128"),
        (np.datetime64(0, "s"), r"not numpy\.datetime64"),
    ],
    ids=lambda x: type(x).__name__,
)
def test_refused_by_name(tree: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        flatten(tree, "t")
    with pytest.raises(TypeError, match=r"t\['k'\]\[1\](\[| must)"):
        flatten({"k": (1.0, tree)}, "t")


def test_pandas_is_refused_by_name() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    with pytest.raises(TypeError, match=r"t must be .* not pandas\.Series .*; numpy.asarray makes a plain array of it"):
        flatten(pandas.Series([1.0]), "t")
    with pytest.raises(TypeError, match=r"t must be .* not pandas\.DataFrame"):
        flatten(pandas.DataFrame({"a": [1.0]}), "t")


def test_a_tree_that_contains_itself() -> None:
    tree: list[Any] = []
    tree.append({"a": tree})
    with pytest.raises(ValueError, match="t contains itself, or is nested too deeply"):
        flatten(tree, "t")


# ---- dataclasses -----------------------------------------------------------------------------------------------------


def test_a_dataclass_is_rebuilt_from_its_fields_alone() -> None:
    _, structure = flatten(Frozen(mean=1.0, deviation=2.0), "p")
    derivative = structure.rebuild([0.5, -3.0])  # its __post_init__ would not take it
    assert (derivative.mean, derivative.deviation) == (0.5, -3.0)
    assert type(derivative) is Frozen


@dataclass
class Scaled:
    x: float
    factor: InitVar[float] = 2.0

    @cached_property
    def square(self) -> float:
        return self.x * self.x


@dataclass
class Area:
    width: float
    area: float = field(init=False)

    def __post_init__(self) -> None:
        self.area = self.width**2


@dataclass
class Hidden:
    scale = 1.0
    width: float

    def __post_init__(self) -> None:
        self.scale = 2 * self.width


@dataclass
class Box(Generic[T]):
    item: T


def test_what_a_dataclass_computes_of_its_fields() -> None:
    scaled = Scaled(3.0)
    assert scaled.square == 9.0
    leaves, structure = flatten(scaled, "p")
    assert leaves == [3.0]
    assert structure.rebuild([5.0]).square == 25.0  # anew
    assert flatten(Box[float](1.0), "p")[0] == [1.0]
    for tree, name in ((Area(3.0), "area"), (Hidden(3.0), "scale")):
        with pytest.raises(
            TypeError, match=f"p is a .* with the attribute '{name}', which is no argument of its __ini"
        ):
            flatten(tree, "p")


def test_structures_of_structures() -> None:
    _, outer = flatten({"a": 1.0, "b": np.ones((2, 1))}, "r")
    _, inner = flatten(Point(1.0, np.ones(3)), "p")
    rows = [[10.0 * i + j for j in range(4)] for i in range(3)]
    tree = outer.of_structures(inner, rows)
    assert tree["a"].x == 0.0
    assert tree["a"].y.tolist() == [1.0, 2.0, 3.0]
    assert tree["b"].x.tolist() == [[10.0], [20.0]]
    assert tree["b"].y.tolist() == [[[11.0, 12.0, 13.0]], [[21.0, 22.0, 23.0]]]
    _, none = flatten(np.ones((0, 2)), "r")
    assert none.of_structures(inner, []).x.shape == (0, 2)
    assert none.of_structures(inner, []).y.shape == (0, 2, 3)
    assert outer.of_structures(none, [[]] * 3)["b"].shape == (2, 1, 0, 2)
    assert isinstance(outer, Structure)
