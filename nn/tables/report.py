"""What a training run has to say: scores by scikit-learn's metrics, and what a model reads."""

from __future__ import annotations

from typing import Any

from ..training import predict
from .columns import CategoryColumn, Column, DateColumn, NumberColumn
from .model import TableModel
from .table import Table

MOST_CLASSES = 20  # of which a matrix is printed


def scores(model: TableModel, table: Table) -> dict[str, dict[str, Any]]:
    """For each target, by name, how well the model predicts it on this table.

    Of classes: accuracy, right, rows, and with scikit-learn the confusion matrix, a row for each true class; of
    numbers: root mean squared and mean absolute error, and R² where the numbers vary.
    """
    wanted = model.encode_targets(table)
    given = [model.answers(outputs) for outputs in predict(model.network, model.encode(table))]
    result: dict[str, dict[str, Any]] = {}
    for k, target in enumerate(model.targets):
        if isinstance(target, CategoryColumn):
            right = [target.categories[int(row[k])] for row in wanted]
            said = [str(row[k][0]) for row in given]
            hits = sum(map(str.__eq__, right, said))
            result[target.name] = {"accuracy": hits / len(right), "right": hits, "rows": len(right)}
            try:
                from sklearn.metrics import confusion_matrix
            except ImportError:
                continue
            result[target.name]["classes"] = target.categories
            result[target.name]["confusion"] = confusion_matrix(right, said, labels=target.categories).tolist()
        else:
            from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

            numbers = [target.decode([row[k]]) for row in wanted]
            found = [row[k][0] for row in given]
            result[target.name] = {
                "root mean squared error": float(root_mean_squared_error(numbers, found)),
                "mean absolute error": float(mean_absolute_error(numbers, found)),
            } | ({"R²": float(r2_score(numbers, found))} if len(set(numbers)) > 1 else {})
    return result


def written(found: dict[str, dict[str, Any]]) -> str:
    """The scores as text."""
    blocks = []
    for name, score in found.items():
        if "accuracy" not in score:
            blocks.append(f"{name}: " + ", ".join(f"{what} {x:.6g}" for what, x in score.items()))
            continue
        lines = [f"{name}: {100 * score['accuracy']:.1f} % right ({score['right']} of {score['rows']})"]
        if "confusion" in score:
            lines += _matrix(score["classes"], score["confusion"])
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _matrix(names: list[str], counts: list[list[int]]) -> list[str]:
    """A row for each true class, a column for each predicted one, a dot for none; of many, the worst mistakes."""
    if len(names) > MOST_CLASSES:
        mistakes = [(n, t, y) for t, row in enumerate(counts) for y, n in enumerate(row) if n and t != y]
        mistakes.sort(key=lambda mistake: -mistake[0])
        return [f"  {names[t]} taken for {names[y]}: {n}" for n, t, y in mistakes[:10]]
    cells = [[str(n or "·") for n in row] for row in counts]
    first = max(4, *map(len, names))
    widths = [max(len(name), *(len(row[y]) for row in cells)) for y, name in enumerate(names)]

    def line(head: str, row: list[str]) -> str:
        return "  ".join([head.rjust(first), *(cell.rjust(w) for cell, w in zip(row, widths, strict=True))])

    matrix = [line(*pair) for pair in zip(names, cells, strict=True)]
    return ["", f"{'true':>{first}}  predicted", line("", names), *matrix]


def described(column: Column) -> str:
    """One line about a column."""
    if isinstance(column, NumberColumn):
        fill = "" if column.fill is None else f", {column.fill:g} where missing"
        return f"{column.name}: a number, mean {column.mean:g}, scale {column.scale:g}{fill}"
    if isinstance(column, DateColumn):
        fill = "" if column.fill is None else f", {column.written(column.fill)} where missing"
        cycles = "".join(f", phase in the {cycle}" for cycle in column.cycles)
        return f"{column.name}: a date, {column.format}, as days, scale {column.scale:g}{cycles}{fill}"
    fill = "" if column.fill is None else f", {column.fill} where missing"
    shown = ", ".join(column.categories[:10]) + (f", … {column.width - 10} more" if column.width > 10 else "")
    return f"{column.name}: one of {column.width} ({shown}){fill}"


def names_of_inputs(model: TableModel) -> list[str]:
    """A name for each input of the network: the column's, with the category, or a date's phase, for one of several."""
    names: list[str] = []
    for column in model.columns:
        if isinstance(column, CategoryColumn):
            names += [f"{column.name} = {category}" for category in column.categories]
        else:
            names.append(column.name)
        if isinstance(column, DateColumn):
            names += [f"{column.name}, {wave} of {cycle}" for cycle in column.cycles for wave in ("sine", "cosine")]
    return names


def names_of_outputs(model: TableModel) -> list[str]:
    """A name for each output of the network; of two categories, the one that a positive logit stands for."""
    names: list[str] = []
    for target in model.targets:
        if isinstance(target, NumberColumn):
            names.append(target.name)
        else:
            categories = target.categories if target.width > 2 else target.categories[1:]
            names += [f"{target.name} = {category}" for category in categories]
    return names
