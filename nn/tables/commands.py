"""What ``python -m nn`` does: train, predict, evaluate and show; arguments are as its parser leaves them."""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from autograd.backward import topological
from autograd.files import write
from autograd.terminal import UsageError, complain

from .. import optim
from ..layers import MLP
from ..module import Module
from ..network import Network
from ..optim import OPTIMIZERS, Optimizer
from ..training import History, evaluate, fit, predict
from .columns import COUNTS, CategoryColumn, DateColumn, names_rows
from .model import ALPHA, HIDDEN, RATE, TableModel, usual_batch, usual_epochs
from .pictures import boundary_svg, has_plane, network_svg
from .report import described, names_of_inputs, names_of_outputs, scores, written
from .table import DataError, Table, csv_text
from .tasks import TASKS, Task, read_table, split

NAME = "nn"
FILE = Task("a file", lambda: Table("", {}), (), hidden=HIDDEN, rate=RATE)
RATES = {"adam": 0.01, "adamw": 0.01, "sgd": 0.1}
SMALL_GRAPH = 60  # nodes that can be read in a picture


# ---- train -----------------------------------------------------------------------------------------------------------


def _train(args: argparse.Namespace) -> int:
    say = _silent if args.json else print
    table = _read(args)
    task = TASKS.get(args.data, FILE)
    resumed = TableModel.load(args.resume) if args.resume else None
    targets = list(dict.fromkeys(args.target or task.targets))
    if resumed is not None:
        targets = [target.name for target in resumed.targets]
    if not targets:
        raise UsageError(f"say with --target which column to predict; {table.name} has {', '.join(table.header)}")
    _check_columns(table, args, targets)
    table, notes = _left_out(table, args, targets) if task is FILE and resumed is None else (table, [])
    found_out, count = table.notes, table.rows
    table, missing = _with_targets(table, targets)
    if not table.rows:
        raise DataError(f"{table.name}: none of the {count:,} rows has a target")
    notes = [*found_out, *notes, *([f"{missing:,} rows without a target left out"] if missing else [])]
    share = task.held_out if args.held_out is None else args.held_out
    kept, held = split(table.rows, share, args.seed)
    train, held_out = table.part(kept), table.part(held)
    epochs = args.epochs or (usual_epochs(len(kept)) if task is FILE else task.epochs)
    rate = args.rate or (task.rate if args.optimizer == "adam" else RATES[args.optimizer])
    hidden = task.hidden if args.hidden is None else args.hidden
    activation = args.activation or (None if task is FILE else "tanh")
    classes = [*args.category, *(name for name in task.targets if name in targets and name not in args.number)]

    def begun(rows: Sequence[int]) -> TableModel:
        return TableModel.learn(
            table,
            targets,
            rows,
            hidden=hidden,
            activation=activation,
            seed=args.seed,
            impute=None if args.impute == "none" else args.impute,
            categories=classes,
            numbers=args.number,
        )

    def trained(model: TableModel, rows: Table, **options: Any) -> History:
        steps = epochs * math.ceil(rows.rows / batch)
        return fit(
            model.network,
            model.encode(rows),
            model.encode_targets(rows),
            loss=model.loss,
            optimizer=_optimizer(args.optimizer, model, optim.cosine_rate(rate, steps)),
            epochs=epochs,
            batch_size=batch,
            seed=args.seed,
            l2=args.l2 if args.l2 is not None else 0.5 * ALPHA / rows.rows if task is FILE else 0.0,
            **options,
        )

    model = resumed or begun(kept)
    batch = args.batch or (usual_batch(len(kept), model.has_numbers) if task is FILE else task.batch)
    _ = model.encode(table), model.encode_targets(table)  # what it does not take is refused before anything is written
    notes += [f"column {described(column)}" for column in model.columns if isinstance(column, DateColumn)]
    filled = sum(cell is None for column in model.columns for cell in table.column(column.name))
    notes += [f"{filled:,} missing cells filled by the {args.impute}"] if filled and resumed is None else []
    folder = Path(args.output or f"trained-{args.data if args.data in TASKS else Path(args.data).stem}")
    folder.mkdir(parents=True, exist_ok=True)

    say(f"{table.name}: {table.rows:,} rows, {len(kept):,} to train on, {len(held):,} held out (seed {args.seed})")
    for note in notes:
        say(f"  {note}")
    for target in model.targets:
        say(f"target {described(target)}")
    functions = model.network.architecture()["activation"]
    sizes = "-".join(map(str, [model.network.n_in, *(len(layer.neurons) for layer in model.network.layers)]))
    say(
        f"network {sizes}{', '.join(['', *dict.fromkeys(functions)])}: {len(model.parameters()):,} parameters; "
        f"{args.optimizer}, rate {rate:g} falling to 0, {min(batch, len(kept)):,} rows a step, {epochs:,} epochs"
    )
    sys.stdout.flush()
    folds = _cross_validated(table, args.cross_validate, args.seed, begun, trained) if args.cross_validate else []
    for fold, found in enumerate(folds, 1):
        say(f"part {fold} of {len(folds)}: {written(found).partition(chr(10))[0]}")
    if len(folds) > 1:
        say(_spread(folds))
    has_bar = sys.stderr.isatty() and importlib.util.find_spec("tqdm") is not None
    validation: Any = (model.encode(held_out), model.encode_targets(held_out)) if held else 0.0
    history = trained(
        model,
        train,
        validation=0.1 if args.patience else validation,
        patience=args.patience,
        callbacks=[] if has_bar or args.json else [lambda history: _print_progress(history, epochs)],
    )
    if history.interrupted:
        say(f"\ninterrupted in epoch {len(history.loss) + 1:,}")
    results = {"trained on": (train, scores(model, train))}
    if held:
        results["held out"] = (held_out, scores(model, held_out))
    for name, (part, found) in results.items():
        say(f"\n{name}, {part.rows:,} rows\n{written(found)}")
    files, complaints = _write(folder, model, history, train, held_out)
    say(f"\nwritten into {folder}: {', '.join(files)}")
    for complaint in complaints:
        complain(NAME, complaint)
    if args.json:
        document = {
            "data": table.name,
            "rows": table.rows,
            "notes": notes,
            "epochs": len(history.loss),
            "stopped": history.stopped,
            "loss": history.loss[-1] if history.loss else None,
            "scores": {name: found for name, (_, found) in results.items()},
            "cross-validation": folds,
            "folder": str(folder),
            "files": files,
        }
        print(json.dumps(document, indent=1, ensure_ascii=False))
    if history.interrupted:
        complain(NAME, "interrupted: the model is as the last whole step left it")
        return 130
    return 0


def _silent(*text: object) -> None: ...


def _check_columns(table: Table, args: argparse.Namespace, targets: list[str]) -> None:
    named = (("--target", targets), ("--number", args.number), ("--category", args.category), ("--drop", args.drop))
    for option, names in named:
        for name in names:
            if name not in table.columns:
                raise UsageError(f"{option} {name}: {table.name} has no such column, but {', '.join(table.header)}")
    for one, other, options in (
        (args.number, args.category, "--number and --category"),
        (args.drop, targets, "--drop and --target"),
    ):
        both = set(one) & set(other)
        if both:
            raise UsageError(f"column {min(both)} cannot be both {options}")


def _left_out(table: Table, args: argparse.Namespace, targets: list[str]) -> tuple[Table, list[str]]:
    """The table without the columns that are dropped or name rows, and what is to be said of these."""
    wanted = {*targets, *args.category, *args.number, *args.drop}
    reasons = {name: names_rows(cells) for name, cells in table.columns.items() if name not in wanted}
    if all(reasons.get(name) for name in table.header if name not in targets and name not in args.drop):
        reasons = {name: reason for name, reason in reasons.items() if reason != COUNTS}  # or nothing would be left
    notes = [f"column {name!r} left out: {reason}" for name, reason in reasons.items() if reason]
    return table.without([*args.drop, *(name for name, reason in reasons.items() if reason)]), notes


def _with_targets(table: Table, targets: list[str]) -> tuple[Table, int]:
    """The rows in which no target is missing, and how many others there are."""
    columns = [table.column(name) for name in targets]
    there = [i for i, cells in enumerate(zip(*columns, strict=True)) if None not in cells]
    if len(there) == table.rows:
        return table, 0
    return table.part(there), table.rows - len(there)


def _cross_validated(table: Table, parts: int, seed: int, begun: Any, trained: Any) -> list[dict[str, dict[str, Any]]]:
    """The scores on each of so many parts of the table of a model trained on the others."""
    from sklearn.model_selection import KFold

    if not 2 <= parts <= table.rows:
        raise UsageError(f"--cross-validate {parts}: it must be from 2 to the number of rows, {table.rows}")
    folds = []
    for kept, held in KFold(parts, shuffle=True, random_state=seed).split(range(table.rows)):
        model = begun(kept.tolist())
        trained(model, table.part(kept.tolist()), progress=False)
        folds.append(scores(model, table.part(held.tolist())))
    return folds


def _spread(folds: list[dict[str, dict[str, Any]]]) -> str:
    """Mean and standard deviation over the parts of the score of each target."""
    lines = []
    for name, first in folds[0].items():
        what = "accuracy" if "accuracy" in first else "R²" if "R²" in first else "root mean squared error"
        values = [fold[name].get(what, math.nan) for fold in folds]
        lines.append(f"{name}: {what} {statistics.mean(values):.4f} ± {statistics.stdev(values):.4f} over the parts")
    return "\n".join(lines)


def _optimizer(name: str, model: TableModel, rate: optim.Rate) -> Optimizer:
    make: Any = OPTIMIZERS[name]
    optimizer: Optimizer = make(model.network.parameters(), rate)
    return optimizer


def _print_progress(history: History, epochs: int) -> None:
    done = len(history.loss)
    if done == 1 or done == epochs or done % max(1, epochs // 10) == 0:
        held_out = f", held out {_loss(history.validation_loss[-1])}" if history.validation_loss else ""
        print(f"epoch {done:>{len(str(epochs))}}: loss {_loss(history.loss[-1])}{held_out}", flush=True)


def _loss(x: float) -> str:
    return f"{x:.4f}" if x < 1e6 else f"{x:.4g}"


def _write(
    folder: Path, model: TableModel, history: History, train: Table, held_out: Table
) -> tuple[list[str], list[str]]:
    """Write everything into the folder: the names of the files, and why a picture was left out."""
    files: list[str] = []
    notes: list[str] = []

    def put(name: str, text: str) -> None:
        write(folder / name, text)
        files.append(name)

    model.save(folder / "model.json")
    files.append("model.json")
    curves: dict[str, Sequence[float]] = {"epoch": range(1, len(history.loss) + 1), "loss": history.loss}
    if history.validation_loss:
        curves["held_out_loss"] = history.validation_loss
    put("history.csv", csv_text([list(curves), *zip(*curves.values(), strict=False)]))  # Ctrl-C may cut the last row
    if held_out.rows:
        put("held_out.csv", held_out.csv())
    put("topology.svg", network_svg(model.network, names_of_inputs(model), names_of_outputs(model)))
    try:
        put("loss.svg", history.svg())
        if has_plane(model):
            put("boundary.svg", boundary_svg(model, train, held_out))
    except ImportError:
        notes.append("no plot without matplotlib: pip install 'glassgrad[plot]'")
    try:
        _put_graph(folder, model, train, files)
    except RuntimeError as error:
        notes.append(f"no graph.svg: {error}")
    return files, notes


def _put_graph(folder: Path, model: TableModel, train: Table, written: list[str]) -> None:
    one = train.part([0])
    (inputs,), (targets,) = model.encode(one), model.encode_targets(one)
    value = model.loss(model.network(inputs), targets)
    if len(topological(value)) <= SMALL_GRAPH:
        from autograd.view import draw

        model.zero_grad()
        value.backward()
        value.label = "loss"
        taken = ", ".join(f"{name} = {x:.5g}" for name, x in zip(names_of_inputs(model), inputs, strict=True))
        wanted = ", ".join(f"{target.name} = {one.column(target.name)[0]}" for target in model.targets)
        title = f"the loss of {one.where(0)}\ninputs, as the network takes them: {taken}\ntarget: {wanted}"
        draw(value, title=title).save(folder / "graph.svg")
        written.append("graph.svg")


# ---- predict, evaluate, show -----------------------------------------------------------------------------------------


def _predict(args: argparse.Namespace) -> int:
    model = TableModel.load(args.model)
    table = _read(args)
    answers = [model.answers(outputs) for outputs in predict(model.network, model.encode(table))]
    head: list[str] = []
    for target in model.targets:
        head += [target.name, f"{target.name} probability"] if isinstance(target, CategoryColumn) else [target.name]
    body = [[cell for y, p in row for cell in ([y, f"{p:.6f}"] if p is not None else [repr(y)])] for row in answers]
    text = csv_text([head, *body])
    if args.output:
        write(args.output, text)
    else:
        sys.stdout.write(text)
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    model = TableModel.load(args.model)
    table = _read(args)
    loss = evaluate(model.network, model.encode(table), model.encode_targets(table), loss=model.loss)
    print(f"{table.name}: {table.rows:,} rows, loss {loss:.6g}\n{written(scores(model, table))}")
    return 0


def _show(args: argparse.Namespace) -> int:
    model = Module.load(args.model)
    if args.output and Path(args.output).suffix.lower() != ".svg":
        raise UsageError(f"the name of the drawing must end in .svg, not {args.output!r}")
    print(model.network if isinstance(model, TableModel) else model)
    if isinstance(model, TableModel):
        for title, columns in (("reads", model.columns), ("predicts", model.targets)):
            print(title)
            for column in columns[: 10 if len(columns) > 24 else None]:
                print(f"  {described(column)}")
            if len(columns) > 24:
                print(f"  … {len(columns) - 10:,} more")
        drawing = network_svg(model.network, names_of_inputs(model), names_of_outputs(model))
    numbers = [abs(parameter.data) for parameter in model.parameters()]
    print(f"{len(numbers):,} parameters, the largest {max(numbers, default=0.0):.4g} in size")
    if args.output:
        if isinstance(model, Network):
            model.draw().save(args.output)
        elif isinstance(model, TableModel | MLP):
            if isinstance(model, MLP):
                names = (
                    [f"in {i}" for i in range(model.n_in)],
                    [f"out {i}" for i in range(len(model.layers[-1].neurons))],
                )
                drawing = network_svg(model, *names)
            write(args.output, drawing)
        else:
            raise UsageError(f"a {type(model).__name__} has no drawing")
        print(f"drawn in {args.output}")
    return 0


def _read(args: argparse.Namespace) -> Table:
    try:
        return read_table(
            args.data,
            _standard_input,
            delimiter=args.delimiter,
            decimal=args.decimal,
            thousands=args.thousands,
            header=False if args.no_header else None,
            encoding=args.encoding,
        )
    except FileNotFoundError:
        known = ", ".join(TASKS)
        raise UsageError(f"{args.data!r} is neither a file nor a task; the tasks are {known}") from None
    except LookupError as error:
        raise UsageError(f"--encoding {args.encoding}: {error}") from None


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise UsageError("standard input is closed: there is nothing to read")
    return sys.stdin.buffer.read()


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "train": _train,
    "predict": _predict,
    "evaluate": _evaluate,
    "show": _show,
}
