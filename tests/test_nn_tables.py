"""Tables and the models that read them: what a file may be, what is refused, and what is learned from rows."""

import csv
import io
import json
import math
import random
import statistics
import sys
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from nn import MLP, Module, predict
from nn.tables.columns import date_format, learned, names_rows
from nn.tables.model import TableModel, probabilities
from nn.tables.pictures import boundary, network_svg
from nn.tables.report import names_of_inputs, scores, written
from nn.tables.table import DataError, Table, csv_text, read
from nn.tables.tasks import TASKS, moons, read_table, split

pytest.importorskip("pandas", reason="needs pandas: pip install 'glassgrad[data]'")
pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'glassgrad[data]'")

# ---- CSV files -------------------------------------------------------------------------------------------------------


def test_a_csv_file_with_everything_that_is_allowed():
    content = '\ufeff"size, cm",kind,note\r\n\r\n1.5, "a ""b""","two\r\nlines"\r\n  2 ,c,\r\n\r\n'
    table = read(content.encode(), "x.csv")
    assert table.header == ["size, cm", "kind", "note"]
    assert table.columns == {"size, cm": [1.5, 2], "kind": ['a "b"', "c"], "note": ["two\r\nlines", None]}
    assert table.where(1) == "x.csv, row 2"
    assert table.part([1]).where(0) == "x.csv, row 2"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.csv is empty: it needs a header line and rows"),
        (b"\xef\xbb\xbf", "x.csv is empty: it needs a header line and rows"),
        (b"\n\n", "x.csv is empty: it needs a header line and rows"),
        (b"a,b\n", "x.csv has no rows"),
        (b"a,b\n1,2\n3\n", "x.csv, line 3: 1 field, where the lines before have 2"),
        (b'a,b\n"1\n1",2\n\n3,4,5\n', "x.csv, line 5: 3 fields, where the lines before have 2"),
        (b'a,b\n1,2\n"3,4\n5,6\n', "x.csv, line 3: a quote is opened here and never closed"),
        (b'a,b\n1,2\n"3"x,4\n', "x.csv, line 3: ',' expected after '\"'"),
        (
            b"a,b\n1,2\nM\xfcller,4\n",
            "x.csv, line 3: byte 0xfc is not utf-8 text: say which with --encoding, such as latin-1",
        ),
        (b"a,b\n1,\0\n", "x.csv is no text: it holds NUL characters"),
    ],
)
def test_a_csv_file_that_is_refused(content: bytes, message: str):
    with pytest.raises(DataError) as info:
        read(content, "x.csv")
    assert str(info.value) == message


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("a;b\n1,5;x\n-2,25;y\n", {"a": [1.5, -2.25], "b": ["x", "y"]}),
        ("a\tb\n1\t2\n", {"a": [1], "b": [2]}),
        ("a|b\n1|2,5\n", {"a": [1], "b": [2.5]}),
        ("a  b\n1   2\n3 4\n", {"a": [1, 3], "b": [2, 4]}),
        ('a,b\n"1,234.5",x\n"12",y\n"1,000,000",z\n', {"a": [1234.5, 12, 1000000], "b": ["x", "y", "z"]}),
        ("a;b\n1.234,5;1\n12,25;2\n", {"a": [1234.5, 12.25], "b": [1, 2]}),
        ("1,2\n3,4\n", {"1": [1, 3], "2": [2, 4]}),
        ("a,b\nr1,1,2\nr2,3,4\n", {"index": ["r1", "r2"], "a": [1, 3], "b": [2, 4]}),
        ("a,b\n1.50,?\n1e3,n/a\n", {"a": [1.5, 1000.0], "b": [None, None]}),
        ('a\n"x,y"\nz\n', {"a": ["x,y", "z"]}),
        ("a,b\n10%,$5\n20%,$6\n", {"a": ["10%", "20%"], "b": ["$5", "$6"]}),
        ('"a" "b c"\n"p" 1 2\n"q" 3 4\n', {"index": ["p", "q"], "a": [1, 3], "b c": [2, 4]}),  # as R writes tables
        ("a,b,\n1,2\n3,4\n", {"a": [1, 3], "b": [2, 4]}),
        ("a,b,\n1,2,\n3,4,\n", {"a": [1, 3], "b": [2, 4]}),
        ("a,b,\n1,2,\n3,4,5\n", {"a": [1, 3], "b": [2, 4], "Unnamed: 2": [None, 5]}),
        (
            'Series: x\n\nSource,"two\nlines"\n\na,b,c,d\n1,2,3,4\n5,6,7,8\n\n1 - a footnote\n',
            {"a": [1, 5], "b": [2, 6], "c": [3, 7], "d": [4, 8]},
        ),
        ("a,b\n2020-01-02,1_0\n2020-01-03,inf\n", {"a": ["2020-01-02", "2020-01-03"], "b": ["1_0", "inf"]}),
    ],
)
def test_how_a_file_is_written_is_found_out(content: str, columns: dict[str, list]):
    table = read(content.encode(), "x.csv")
    assert table.columns == columns
    types = {name: [type(x) for x in cells] for name, cells in table.columns.items()}
    assert types == {name: [type(x) for x in cells] for name, cells in columns.items()}


def test_lines_around_a_table_are_told_and_faults_within_have_their_line():
    content = b"Title\nSource: x\n\na,b,c\n1,2,3\n4,5,6\n7,8,9\nFootnote\n"
    assert read(content, "x.csv").notes == ["3 lines above the table and 1 below it left out"]
    with pytest.raises(DataError, match=r"^x\.csv, line 6: 2 fields, where the lines before have 3$"):
        read(content.replace(b"4,5,6", b"4,5"), "x.csv")
    with pytest.raises(DataError, match=r"^x\.csv, line 4: 1 field, where the lines before have 3$"):
        read(b"a,b,c\n1,2,3\n4,5,6\n7", "x.csv")  # which may be a file that is cut short


def test_or_is_said():
    content = b"x;y\n1.000;2\n"
    assert read(content, "x.csv").columns == {"x": [1.0], "y": [2]}
    assert read(content, "x.csv", thousands=".", decimal=",").columns == {"x": [1.0], "y": [2]}  # a number as it is
    no_header = read(b"1.000,5;x\n2,5;y\n", "x.csv", header=False, thousands=".", decimal=",", delimiter=";")
    assert no_header.columns == {"1": [1000.5, 2.5], "2": ["x", "y"]}
    assert read(b"a,b;c\n", "x.csv", header=False, delimiter=";").columns == {"1": ["a,b"], "2": ["c"]}
    assert read("a,b\nM\u00fcller,1\n".encode("latin-1"), "x.csv", encoding="latin-1").columns["a"] == ["M\u00fcller"]


CELLS = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=5).map(lambda s: f"t{s}t")


@given(st.lists(st.tuples(CELLS, CELLS), min_size=2))
def test_what_is_written_is_read_again(rows: list[tuple[str, str]]):
    table = Table("t", {"one": [a for a, _ in rows], "two": [b for _, b in rows]})
    assert read(table.csv().encode(), "t", delimiter=",").columns == table.columns


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ([f"row {i}" for i in range(20)], "a different text in every row"),
        ([f"row {i}" for i in range(19)], ""),
        ([f"row {i % 150}" for i in range(300)], "150 different texts"),
        ([*(f"K{i}" for i in range(150)), 7, 8, 8], "152 different texts"),
        (["a", "b"] * 20, ""),
        (list(range(5, 25)), "it counts the rows"),
        ([*range(20), 20.5], ""),
        ([*range(20), 25], ""),
        ([None] * 30, "it is empty"),
        ([f"2020-{i // 28 + 1:02}-{i % 28 + 1:02}" for i in range(300)], ""),  # dates
    ],
)
def test_columns_that_name_rows(cells: list, reason: str):
    assert names_rows(cells) == reason


# ---- columns ---------------------------------------------------------------------------------------------------------


def table(text: str) -> Table:
    return read(text.encode(), "x.csv")


SMALL = "size,kind,class\n1,red,no\n2,blue,yes\n6,red,yes\n100,green,no\n"


def test_how_cells_become_numbers():
    rows = table(SMALL)
    model = TableModel.learn(rows, ["class"], train=[0, 1, 2], hidden=[])
    mean, scale = statistics.fmean([1, 2, 6]), statistics.pstdev([1, 2, 6])  # the fourth row is not trained on
    wanted = [[(x - mean) / scale, *kind] for x, kind in [(1, [0, 0, 1]), (2, [1, 0, 0]), (6, [0, 0, 1])]]
    inputs = model.encode(rows)
    assert [x for row in inputs[:3] for x in row] == pytest.approx([x for row in wanted for x in row], rel=1e-14)
    assert inputs[3] == pytest.approx([(100 - mean) / scale, 0, 1, 0], rel=1e-14)  # though its category is known
    assert model.encode_targets(rows) == [[0.0], [1.0], [1.0], [0.0]]
    # by name: in another order, with a column more, and without the target
    moved = table("more,kind,size\nx,blue,2\n")
    assert model.encode(moved) == [inputs[1]]
    assert model([2, "blue"]).data == model.network(inputs[1]).data


def test_a_constant_column_stays_at_zero():
    model = TableModel.learn(table("a,b,y\n5,1,p\n5,2,q\n"), ["y"], hidden=[])
    assert [row[0] for row in model.encode(table("a,b\n5,1\n6,1\n"))] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        (["2012-01-02", "2012-12-31"], "%Y-%m-%d"),
        (["01/02/2012", "03/04/2012"], "%m/%d/%Y"),
        (["01/02/2012", "03/04/2012", None, "13/02/2012"], "%d/%m/%Y"),
        (["Jan-1-1995", "Feb-1-1995"], "%b-%d-%Y"),
        (["Jan 1 2000", "May 1 2000"], "%b %d %Y"),
        (["2010/01/01 00:00", "2010/01/01 13:30"], "%Y/%m/%d %H:%M"),
        (["2012-01-02"] * 19 + ["never"], "%Y-%m-%d"),
        (["2012-01-02", "never", "ever"], ""),
        (["a", "b"], ""),
        (["N1A1", "N2A2"], ""),
        (["May", "June"], ""),
    ],
)
def test_how_dates_are_written(cells: list, form: str):
    assert date_format(cells) == form


def test_dates_become_days_and_phases():
    hours = [datetime(2024, 2, 1) + timedelta(hours=i) for i in range(24 * 20)]
    rows = Table("x", {"t": [f"{t:%d.%m.%Y %H:%M}" for t in hours], "y": [t.hour for t in hours]})
    model = TableModel.learn(rows, ["y"], hidden=[], impute="median", numbers=["y"])
    (column,) = model.columns
    assert column.cycles == ["day", "week"]  # twenty days of a year are not enough to tell
    days = [t.toordinal() - date(1970, 1, 1).toordinal() + t.hour / 24 for t in hours]
    mean, scale = statistics.fmean(days), statistics.pstdev(days)
    for i in (0, 100, 479):
        day, week = 2 * math.pi * hours[i].hour / 24, 2 * math.pi * (days[i] % 7) / 7
        wanted = [(days[i] - mean) / scale, math.sin(day), math.cos(day), math.sin(week), math.cos(week)]
        assert model.encode(rows)[i] == pytest.approx(wanted, abs=1e-9)
    assert names_of_inputs(model) == [
        "t", "t, sine of day", "t, cosine of day", "t, sine of week", "t, cosine of week",
    ]  # fmt: skip
    assert model.encode(Table("x", {"t": [None]}))[0] == pytest.approx(model.encode(rows.part([239]))[0], abs=0.2)
    with pytest.raises(DataError, match=r"row 1: column 't' is '2024-02-01', not a date such as '10\.02\.2024 "):
        model.encode(Table("x", {"t": ["2024-02-01"]}))


def test_the_cycles_are_those_that_dates_step_through():
    def cycles(*days: int) -> list[str]:
        cells = [f"{date(2000, 1, 1) + timedelta(days=d):%Y-%m-%d}" for d in days]
        return learned("t", cells, cells, "date").cycles

    assert cycles(*range(800)) == ["week", "year"]
    assert cycles(*range(0, 3000, 30)) == ["year"]
    assert cycles(0, 366, 731, 1096) == []
    assert cycles(5, 5) == []
    assert learned("t", ["2000-01-01T12:00:00+0100"] * 2, ["2000-01-01T12:00:00+0100"], "date").mean == 10957 + 11 / 24


def test_dates_are_kept_with_a_model_and_are_no_targets(tmp_path: Path):
    rows = table("when,y\n" + "".join(f"{i % 12 + 1}/{i + 1}/2020,{i}\n" for i in range(28)))
    model = TableModel.learn(rows, ["y"], hidden=[2], seed=1)
    model.save(tmp_path / "model.json")
    again = Module.load(tmp_path / "model.json")
    assert again.columns == model.columns
    assert again.encode(rows) == model.encode(rows)
    one = table("when\n2/1/2020\n")  # read by the model's format, whatever might be guessed from a row
    assert again.encode(one) == model.encode(one)
    with pytest.raises(DataError, match="target 'when' is '1/1/2020': dates are read and not predicted"):
        TableModel.learn(rows, ["when"])
    document = json.loads((tmp_path / "model.json").read_text())
    document["architecture"]["columns"][0]["cycles"] = ["month"]
    (tmp_path / "model.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match="cycles of day, week, year"):
        Module.load(tmp_path / "model.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("size,kind\n1,red\n,blue\n", "x.csv, row 2: column 'size' is missing: fill it, take the row out, or train"),
        ("size,kind\n1,red\nNA,blue\n", "x.csv, row 2: column 'size' is missing: fill it"),
        ("size,kind\n1,?\n", "x.csv, row 1: column 'kind' is missing: fill it"),
        (
            "size,kind\n1,red\n2,pink\n",
            "x.csv, row 2: column 'kind' is 'pink', which is none of 'blue', 'green', 'red'",
        ),
        ("size,kind\nbig,red\n", "x.csv, row 1: column 'size' is 'big', not a finite number"),
        ("size,kind\ninf,red\n", "x.csv, row 1: column 'size' is 'inf', not a finite number"),
        ("size,kind\n1_0,red\n", "x.csv, row 1: column 'size' is '1_0', not a finite number"),
        ("kind\nred\n", "x.csv has no column 'size'; its columns are 'kind'"),
    ],
)
def test_cells_that_a_model_does_not_take(content: str, message: str):
    model = TableModel.learn(table(SMALL), ["class"], hidden=[])
    with pytest.raises(DataError) as info:
        model.encode(table(content))
    assert str(info.value).startswith(message)


@pytest.mark.parametrize(("impute", "fill"), [("mean", 3.0), ("median", 2.0)])
def test_gaps_are_filled_from_the_rows_to_train_on(impute: str, fill: float):
    rows = table("size,kind,y\n1,red,1.5\n2,red,2\n6,blue,2.5\n,,3\n900,blue,4\n900,blue,5\n")
    model = TableModel.learn(rows, ["y"], train=[0, 1, 2, 3], impute=impute, hidden=[])
    size, kind = model.columns
    assert (size.fill, kind.fill) == (fill, "red")
    assert model.encode(rows)[3] == [(fill - size.mean) / size.scale, 0.0, 1.0]
    gone = Table("x.csv", {"size": [1], "kind": ["red"], "y": [None]})
    with pytest.raises(DataError, match=r"^x\.csv, row 1: column 'y' is missing: fill it, "):
        model.encode_targets(gone)


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("a,y\n1,p\n2,\n", {}, "x.csv, row 2: the target 'y' is missing"),
        ("a,y\n1,p\n2,p\n", {}, "target 'y' is 'p' in every row: there is nothing to learn"),
        ("y\np\nq\n", {}, "x.csv has no column beside the target: there is nothing to learn from"),
        ("a,y\n,p\nNA,q\n", {"impute": "mean"}, "column 'a' has no value in any row to train on"),
        (
            "a,y\n1,$5\n2,$7\n",
            {},
            "target 'y' is '$5': a number with a unit; write it as a number, or say --category y",
        ),
        ("a,y\n1e308,p\n-1e308,q\n", {}, "column 'a' has numbers too large to scale: use another unit"),
        ("a,y\n1,p\n2,q\n", {"categories": ["b"]}, "x.csv has no column 'b'; its columns are 'a', 'y'"),
        ("a,y\n" + "".join(f"n{i},{i % 2}\n" for i in range(101)), {}, "column 'a' has 101 different texts, such as"),
    ],
)
def test_tables_that_nothing_can_be_learned_from(content: str, options: dict, message: str):
    with pytest.raises(DataError) as info:
        TableModel.learn(table(content), ["y"], **options)
    assert str(info.value).startswith(message)


@pytest.mark.parametrize(
    ("targets", "kind"),
    [
        ("1 2 1 2", ["1", "2"]),
        ("10 9 10 9", ["9", "10"]),  # in the order of the numbers
        ("1.0 2.5 1.0 2.5", None),  # not whole
        ("1 2 3 3", None),  # 1 and 2 occur once
        ("yes no yes no", ["no", "yes"]),
    ],
)
def test_which_targets_are_classes(targets: str, kind: list[str] | None):
    rows = table("a,y\n" + "".join(f"{i},{y}\n" for i, y in enumerate(targets.split())))
    (target,) = TableModel.learn(rows, ["y"]).targets
    assert getattr(target, "categories", None) == kind


def test_and_how_to_say_otherwise():
    rows = table("a,y\n1,1\n2,2\n1,1\n2,2\n")
    model = TableModel.learn(rows, ["y"], categories=["a"], numbers=["y"])
    assert model.columns[0].categories == ["1", "2"]
    assert model.targets[0].mean == 1.5


# ---- the model -------------------------------------------------------------------------------------------------------


MIXED = "a,kind,size,truth,rank\n" + "".join(
    f"{i},{'pq'[i % 2]},{i * i / 3},{['no', 'yes'][i % 3 > 0]},{['low', 'mid', 'high'][i % 3]}\n" for i in range(12)
)


def mixed() -> TableModel:
    return TableModel.learn(table(MIXED), ["size", "truth", "rank"], hidden=[3], seed=4)


def test_the_loss_is_the_sum_over_the_targets():
    model, rng = mixed(), random.Random(0)
    assert model.network.architecture()["sizes"] == [3, 5]  # 1 + 1 + 3
    for _ in range(20):
        z = [rng.gauss(0, 2) for _ in range(5)]
        size, truth, rank = rng.gauss(0, 1), rng.randrange(2), rng.randrange(3)
        share = 1 / (1 + math.exp(-z[1]))
        soft = [math.exp(x) / sum(math.exp(y) for y in z[2:]) for x in z[2:]]
        wanted = (z[0] - size) ** 2 / 2 - math.log(share if truth else 1 - share) - math.log(soft[rank])
        loss = model.loss([Value(x) for x in z], [size, float(truth), float(rank)])
        assert loss.data == pytest.approx(wanted, rel=1e-12)
        number, (yes, p), (place, q) = model.answers(z)
        target = model.targets[0]
        assert number == (target.mean + target.scale * z[0], None)
        assert (yes, p) == ("yes" if z[1] > 0 else "no", pytest.approx(max(share, 1 - share)))
        assert (place, q) == (["high", "low", "mid"][soft.index(max(soft))], pytest.approx(max(soft)))


def test_probabilities_of_logits_of_any_size():
    assert probabilities([0.0]) == [0.5, 0.5]
    assert probabilities([1000.0]) == [0.0, 1.0]
    assert probabilities([-1000.0]) == [1.0, 0.0]
    assert probabilities([1000.0, 1000.0, -1000.0]) == [0.5, 0.5, 0.0]


def test_a_saved_model_takes_raw_rows_and_says_the_same(tmp_path: Path):
    rows = table(MIXED)
    model = TableModel.learn(rows, ["size", "truth", "rank"], hidden=[3], seed=4, impute="median")
    model.save(tmp_path / "model.json")
    again = Module.load(tmp_path / "model.json")
    assert isinstance(again, TableModel)
    assert again.columns == model.columns
    assert again.targets == model.targets
    assert again.encode_targets(rows) == model.encode_targets(rows)
    assert predict(again.network, again.encode(rows)) == predict(model.network, model.encode(rows))
    gaps = table("a,kind\n,q\n3,\n")
    assert again.encode(gaps) == model.encode(gaps)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["columns", 0, "scale"], 0),
        (["columns", 0, "mean"], "1"),
        (["columns", 0, "mean"], None),
        (["columns", 0, "kind"], "date"),
        (["columns", 0, "fill"], True and "x"),
        (["columns", 1, "categories"], []),
        (["columns", 1, "categories"], "pq"),
        (["columns", 1, "fill"], "r"),
        (["targets", 1, "categories"], ["no"]),
        (["targets", 2, "categories"], ["high", "low"]),
        (["columns"], []),
        (["columns"], 7),
        (["network", "n_in"], 4),
    ],
)
def test_a_damaged_file_is_refused(path: list, value: object, tmp_path: Path):
    file = tmp_path / "model.json"
    mixed().save(file)
    document = json.loads(file.read_text())
    place = document["architecture"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    file.write_text(json.dumps(document))
    with pytest.raises(ValueError, match="does not describe a TableModel"):
        TableModel.load(file)


def test_a_wrong_number_of_cells():
    with pytest.raises(ValueError, match="reads 'a', 'kind': 2 cells, not 1"):
        mixed()([1])


# ---- tasks -----------------------------------------------------------------------------------------------------------


def test_the_gates():
    for name, rule in [("and", int.__and__), ("or", int.__or__), ("xor", int.__xor__)]:
        rows = TASKS[name].table()
        found = zip(*rows.columns.values(), strict=True)
        assert sorted(found) == sorted((a, b, rule(a, b)) for a in (0, 1) for b in (0, 1))
    assert TASKS["not"].table().columns == {"a": [0, 1], "out": [1, 0]}
    mirror = TASKS["mirror"].table()
    assert mirror.header == ["a", "b", "a_again", "b_again"]
    assert mirror.rows == 4
    assert mirror.columns["a"] == mirror.columns["a_again"]
    assert mirror.columns["b"] == mirror.columns["b_again"]


def test_moons_without_noise_are_two_half_circles():
    rows = moons(40, noise=0.0)
    for x, y, moon in zip(*rows.columns.values(), strict=True):
        at = complex(x, y)
        if moon == "upper":
            assert abs(at) == pytest.approx(1, abs=1e-4)
            assert at.imag >= 0
        else:
            assert abs(at - (1 + 0.5j)) == pytest.approx(1, abs=1e-4)
            assert at.imag <= 0.5
    assert Counter(rows.column("moon")) == {"upper": 20, "lower": 20}
    assert moons().columns == moons().columns
    assert moons(seed=2).columns != moons().columns


def test_the_bundled_data_are_scikit_learns():
    datasets = pytest.importorskip("sklearn.datasets", reason="needs scikit-learn: pip install 'glassgrad[data]'")
    iris, digits = TASKS["iris"].table(), TASKS["digits"].table()
    assert iris.header == ["sepal_length", "sepal_width", "petal_length", "petal_width", "species"]
    assert (iris.rows, digits.rows) == (150, 1797)
    data = datasets.load_digits()
    assert [cells[1000] for cells in digits.columns.values()][:64] == data.data[1000].tolist()
    assert digits.column("digit") == [str(k) for k in data.target]
    assert Counter(iris.column("species")) == {"setosa": 50, "versicolor": 50, "virginica": 50}


def test_without_scikit_learn_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"iris .* scikit-learn.* pip install 'glassgrad\[data\]'$"):
        read_table("iris")


@given(st.integers(2, 300), st.floats(0.01, 0.99), st.integers(0, 9))
def test_a_split_takes_each_row_once(count: int, share: float, seed: int):
    size = round(share * count)
    if not 0 < size < count:
        with pytest.raises(DataError, match="--held-out 0"):
            split(count, share, seed)
        return
    kept, held = split(count, share, seed)
    assert sorted(kept + held) == list(range(count))
    assert len(held) == size
    assert (kept, held) == split(count, share, seed)
    assert split(count, 0, seed) == (list(range(count)), [])


# ---- scores and pictures ---------------------------------------------------------------------------------------------


def linear(rows: Table, weights: list[float], targets: list[str]) -> TableModel:
    """A model without hidden layers, with these parameters."""
    model = TableModel.learn(rows, targets, hidden=[])
    for parameter, x in zip(model.parameters(), weights, strict=True):
        parameter.data = x
    return model


def test_scores_of_classes():
    rows = table("x,y\n" + "".join(f"{x},{y}\n" for x, y in zip([-2, -1, 1, 2, 3], "ppqqp", strict=True)))
    column = TableModel.learn(rows, ["y"]).columns[0]
    model = linear(rows, [column.scale, column.mean], ["y"])  # its logit is x
    assert written(scores(model, rows)).splitlines() == [
        "y: 80.0 % right (4 of 5)",
        "",
        "true  predicted",
        "      p  q",
        "   p  2  1",
        "   q  ·  2",
    ]


def test_many_classes_are_told_by_the_most_frequent_mistakes():
    rows = table("x,y\n" + "".join(f"{i % 21},{chr(97 + i % 21)}\n" for i in range(42)))
    model = linear(rows, [0.0] * 41 + [1.0], ["y"])  # says the last class, always
    lines = written(scores(model, rows)).splitlines()
    assert lines[0] == "y: 4.8 % right (2 of 42)"
    assert lines[1] == "  a taken for u: 2"
    assert len(lines) == 11


def test_scores_of_numbers():
    np = pytest.importorskip("numpy")
    rng = np.random.default_rng(0)
    x = rng.normal(3, 2, 50)
    y = 2 * x + rng.normal(0, 1, 50)
    rows = table("x,y\n" + "".join(f"{a!r},{b!r}\n" for a, b in zip(x.tolist(), y.tolist(), strict=True)))
    model = linear(rows, [0.8, 0.1], ["y"])
    found = y.mean() + y.std() * (0.8 * (x - x.mean()) / x.std() + 0.1)
    r2 = 1 - ((found - y) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    wanted = f"y: root mean squared error {np.sqrt(((found - y) ** 2).mean()):.6g}, "
    wanted += f"mean absolute error {abs(found - y).mean():.6g}, R² {r2:.6g}"
    assert written(scores(model, rows)) == wanted


def test_the_drawing_of_a_network():
    svg = network_svg(MLP(2, [3, 1], seed=0), ["a <b>", "c"], ["out"])
    root = ElementTree.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}circle")) == 6
    weights = [line for line in root.findall(f"{space}line") if line.find(f"{space}title") is not None]
    assert len(weights) == 9
    texts = [text.text for text in root.findall(f"{space}text")]
    assert {"a <b>", "c", "out", "2 inputs", "3 tanh", "1 output"} <= set(texts)
    for line, w in zip(
        weights, [w for layer in MLP(2, [3, 1], seed=0).layers for n in layer.neurons for w in n.w], strict=True
    ):
        assert float(line.find(f"{space}title").text) == pytest.approx(w.data, rel=1e-5)
        assert (line.get("stroke") == "#0969da") == (w.data >= 0) == (line.get("stroke-dasharray") is None)


def test_of_a_wide_layer_only_both_ends_are_drawn():
    svg = network_svg(MLP(64, [32, 10], seed=0), [f"pixel {i}" for i in range(64)], list("0123456789"))
    assert svg.count("<circle") == 16 + 16 + 10
    assert svg.count("more</text>") == 2
    assert "⋮ 48 more" in svg
    assert "pixel 7<" in svg
    assert "pixel 8<" not in svg
    assert "pixel 63<" in svg
    assert len(svg) < 150_000


def test_the_boundary_is_where_the_logit_is_zero():
    pytest.importorskip("matplotlib")
    rows = table("x,y,c\n" + "".join(f"{i % 5},{i // 5},{'pq'[i % 5 > 1]}\n" for i in range(25)))
    first = TableModel.learn(rows, ["c"]).columns[0]
    model = linear(rows, [first.scale, 0.0, first.mean - 1.25], ["c"])  # its logit is x - 1.25
    axes = boundary(model, rows).axes[0]
    (line,) = [part for part in axes.collections if not getattr(part, "filled", True)]
    assert [x for x, _ in line.get_paths()[0].vertices] == pytest.approx(
        [1.25] * len(line.get_paths()[0].vertices), abs=0.01
    )
    assert axes.get_xlabel() == "x"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["p", "q"]


def test_the_regions_of_three_classes_meet_where_two_logits_are_equal():
    pytest.importorskip("matplotlib")
    rows = table("x,y,c\n" + "".join(f"{i % 7},{i // 7},{'pqr'[i % 7 // 3]}\n" for i in range(49)))
    first = TableModel.learn(rows, ["c"]).columns[0]
    # the logits are 0, x - 2.5 and 2 (x - 2.5) - 2: p up to 2.5, q up to 4.5, then r
    weights = [0, 0, 0, first.scale, 0, first.mean - 2.5, 2 * first.scale, 0, 2 * (first.mean - 2.5) - 2]
    axes = boundary(linear(rows, weights, ["c"]), rows.part(range(40)), rows.part(range(40, 49))).axes[0]
    contours = [part for part in axes.collections if hasattr(part, "filled")]
    places = [
        [min(x for x, _ in part.get_paths()[0].vertices), max(x for x, _ in part.get_paths()[0].vertices)]
        for part in contours
        if part.filled
    ]
    wanted = [[-0.72, 2.5], [2.5, 4.5], [4.5, 6.72]]
    assert [x for pair in places for x in pair] == pytest.approx([x for pair in wanted for x in pair], abs=0.01)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == [f"{c}, {part}" for part in ("trained on", "held out") for c in "pqr"]


def test_a_number_in_the_plane():
    pytest.importorskip("matplotlib")
    rows = table("x,y,z\n" + "".join(f"{i % 5},{i // 5},{i % 5 + 10.5}\n" for i in range(25)))
    model = TableModel.learn(rows, ["z"], hidden=[])
    first, target = model.columns[0], model.targets[0]
    for parameter, x in zip(model.parameters(), [first.scale / target.scale, 0.0, 0.0], strict=True):
        parameter.data = x  # z = x + 10.5
    axes, bar = boundary(model, rows.part(range(20)), rows.part(range(20, 25))).axes
    assert bar.get_ylabel() == "z"
    (shades,) = [part for part in axes.collections if hasattr(part, "filled")]
    assert shades.levels[0] <= 10.5 - 0.48
    assert shades.levels[-1] >= 14.5 + 0.48
    bands = zip(shades.levels[:-1], shades.levels[1:], shades.get_paths(), strict=True)
    for low, high, path in bands:
        assert all(low - 0.001 <= x + 10.5 <= high + 0.001 for x, _ in path.vertices)
    trained, held_out = [part for part in axes.collections if not hasattr(part, "filled")]
    assert list(trained.get_array()) == pytest.approx([i % 5 + 10.5 for i in range(20)])
    assert len(held_out.get_offsets()) == 5
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["trained on", "held out"]


def test_csv_text_is_read_by_the_csv_module():
    rows = [["a,b", 'say "x"'], ["1", "two\nlines"]]
    assert list(csv.reader(io.StringIO(csv_text(rows), newline=""))) == rows
