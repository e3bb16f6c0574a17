"""The command line: ``python -m nn train xor``, or a CSV file; and predict, evaluate and show for a saved model.

Exit codes: 0 if all went well; 1 if data was refused, training failed, or a file could not be read or written; 2 for
wrong usage; 130 after Ctrl-C.  Results go to standard output, errors in one line to standard error.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autograd import __version__
from autograd.backward import topological
from autograd.files import write
from autograd.terminal import Parser, UsageError, complain, run

from . import optim
from .data import IMPUTE, TASKS, CategoryColumn, Table, TableModel, Task, csv_text, read_table, split
from .layers import MLP, activation_function
from .module import Module
from .network import Network
from .optim import Optimizer
from .report import boundary_svg, described, has_plane, names_of_inputs, names_of_outputs, network_svg, scores
from .training import History, evaluate, fit, predict

NAME = "nn"
PROG = f"python -m {NAME}"
TASK_LIST = "\n".join(f"  {name:8}{task.about}" for name, task in TASKS.items())
EXAMPLES = f"""\
examples:
  {PROG} train xor
  {PROG} train digits -o digits --epochs 4
  {PROG} train people.csv --target income --impute median --hidden 8,8
  {PROG} predict trained-people/model.json new_people.csv
  {PROG} evaluate digits/model.json digits/held_out.csv

tasks:
{TASK_LIST}

exit codes: 0 all is well; 1 data was refused, training failed, or a file could not be read or
written; 2 wrong usage; 130 interrupted.
"""
TRAINING = f"""\
tasks:
{TASK_LIST}

A CSV file has a header, and columns of numbers or of categories (texts); it is UTF-8 with commas
between fields. Numbers are scaled to mean 0 and standard deviation 1, as the rows to train on have
them; categories become a 1 among 0s. A target of numbers is predicted as a number, unless it has at
most 10 different whole numbers, each more than once: then as a class. --number and --category say
which is meant.

Written into the folder: model.json; loss.svg and history.csv, the losses of each epoch;
topology.svg, the network; graph.svg, the graph of operations for one row if it is small;
boundary.svg, the decisions in the plane, if the inputs are two numbers; and held_out.csv, the rows
that were not trained on. Ctrl-C ends the training early, and writes all of them.
"""
CSV_FILE = Task("a CSV file", lambda: Table("", [], []), (), rate=0.02)
RATES = {"adam": 0.01, "adamw": 0.01, "sgd": 0.1}
SMALL_GRAPH = 60  # nodes that can be read in a picture


# ---- arguments -------------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = Parser(
        prog=PROG,
        description="Train a small network on a task or a CSV file, and use it.",
        epilog=EXAMPLES,
        formatter_class=raw,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"glassgrad {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, text: str, epilog: str | None = None) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=text[0].lower() + text[1:],
            description=f"{text}.",
            epilog=epilog,
            formatter_class=raw,
            allow_abbrev=False,
        )

    train = command("train", "Train a network, print its scores, write it and its pictures into a folder", TRAINING)
    train.add_argument("data", metavar="TASK|FILE.csv", help=f"{', '.join(TASKS)}, or a CSV file")
    train.add_argument("-o", "--output", metavar="DIR", help="the folder (default: trained-TASK)")
    add = train.add_argument
    add("--target", metavar="COLUMN", action="append", help="what to predict; may be given again for another one")
    add("--hidden", metavar="N,N,…", type=_sizes, help="neurons of each hidden layer, or none")
    add("--activation", metavar="NAME", type=_activation, default="tanh", help="of hidden layers (default: tanh)")
    add("--epochs", metavar="N", type=_count, help="rounds through all rows (default for a file: 200 or fewer)")
    add("--batch", metavar="N", type=_count, help="rows a step")
    add("--optimizer", choices=list(RATES), default="adam", help="(default: adam)")
    add("--rate", metavar="X", type=_positive, help="of the first step; it falls to 0 along a cosine")
    add("--seed", metavar="N", type=_whole, default=0, help="for the split, the weights and the order (default: 0)")
    add("--held-out", metavar="SHARE", type=_share, help="of the rows, not trained on (default: 0.25; 0 for gates)")
    add("--impute", choices=IMPUTE, help="fill gaps so; categories by the most frequent (default: refuse gaps)")
    add("--number", metavar="COLUMN", action="append", default=[], help="this column holds numbers")
    add("--category", metavar="COLUMN", action="append", default=[], help="this column holds categories")

    for name, text in (
        ("predict", "Print a saved model's prediction for each row, as CSV"),
        ("evaluate", "Print a saved model's scores on rows whose targets are known"),
        ("show", "Print what a saved model reads, predicts and consists of"),
    ):
        sub = command(name, text)
        sub.add_argument("model", metavar="MODEL.json", help="a model that train has written")
        if name != "show":
            sub.add_argument("data", metavar="TASK|FILE.csv", help="a task, a CSV file, or - for standard input")
        if name != "evaluate":
            what = "write to this file" if name == "predict" else "draw the network as well, into this .svg file"
            sub.add_argument("-o", "--output", metavar="FILE", help=what)
    return parser


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number below 1,000,000,000")
    return int(text)


def _count(text: str) -> int:
    number = _whole(text)
    if not number:
        raise argparse.ArgumentTypeError("it must be at least 1")
    return number


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def _positive(text: str) -> float:
    number = _real(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"it must be a finite number above 0, not {text}")
    return number


def _share(text: str) -> float:
    number = _real(text)
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"it must be at least 0 and below 1, not {text}")
    return number


def _sizes(text: str) -> tuple[int, ...]:
    return () if text == "none" else tuple(_count(part) for part in text.split(","))


def _activation(text: str) -> str:
    try:
        activation_function(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


# ---- train -----------------------------------------------------------------------------------------------------------


def _train(args: argparse.Namespace) -> int:
    table = _read(args.data)
    task = TASKS.get(args.data, CSV_FILE)
    targets = list(dict.fromkeys(args.target or task.targets))
    if not targets:
        raise UsageError(f"say with --target which column to predict; {table.name} has {', '.join(table.header)}")
    _check_columns(table, args, targets)
    hidden = task.hidden if args.hidden is None else args.hidden
    usual = task.epochs if task is not CSV_FILE else max(5, min(200, 20_000 // len(table.rows)))
    epochs, batch = args.epochs or usual, args.batch or task.batch
    rate = args.rate or (task.rate if args.optimizer == "adam" else RATES[args.optimizer])
    share = task.held_out if args.held_out is None else args.held_out
    kept, held = split(len(table.rows), share, args.seed)
    classes = [*args.category, *(name for name in task.targets if name in targets and name not in args.number)]
    model = TableModel.learn(
        table,
        targets,
        kept,
        hidden=hidden,
        activation=args.activation,
        seed=args.seed,
        impute=args.impute,
        categories=classes,
        numbers=args.number,
    )
    train, held_out = table.part(kept), table.part(held)
    samples = model.encode(train), model.encode_targets(train)
    validation = (model.encode(held_out), model.encode_targets(held_out)) if held else 0.0
    folder = Path(args.output or f"trained-{args.data if args.data in TASKS else Path(args.data).stem}")
    folder.mkdir(parents=True, exist_ok=True)

    print(
        f"{table.name}: {len(table.rows):,} rows, {len(kept):,} to train on, {len(held):,} held out (seed {args.seed})"
    )
    for target in model.targets:
        print(f"target {described(target)}")
    sizes = "-".join(map(str, [model.network.n_in, *(len(layer.neurons) for layer in model.network.layers)]))
    print(
        f"network {sizes}{f', {args.activation}' if hidden else ''}: {len(model.parameters()):,} parameters; "
        f"{args.optimizer}, rate {rate:g} falling to 0, {min(batch, len(kept)):,} rows a step, {epochs:,} epochs",
        flush=True,
    )
    steps = epochs * math.ceil(len(kept) / batch)
    has_bar = sys.stderr.isatty() and importlib.util.find_spec("tqdm") is not None
    history = fit(
        model.network,
        *samples,
        loss=model.loss,
        optimizer=_optimizer(args.optimizer, model, optim.cosine_rate(rate, steps)),
        epochs=epochs,
        batch_size=batch,
        seed=args.seed,
        validation=validation,
        callbacks=[] if has_bar else [lambda history: _print_progress(history, epochs)],
    )
    if history.interrupted:
        print(f"\ninterrupted in epoch {len(history.loss) + 1:,}")
    _print_scores(model, [("trained on", train), *([("held out", held_out)] if held else [])])
    _write(folder, model, history, train, held_out)
    if history.interrupted:
        complain(NAME, "interrupted: the model is as the last whole step left it")
        return 130
    return 0


def _check_columns(table: Table, args: argparse.Namespace, targets: list[str]) -> None:
    for option, names in (("--target", targets), ("--number", args.number), ("--category", args.category)):
        for name in names:
            if name not in table.header:
                raise UsageError(f"{option} {name}: {table.name} has no such column, but {', '.join(table.header)}")
    both = set(args.number) & set(args.category)
    if both:
        raise UsageError(f"column {min(both)} cannot be both --number and --category")


def _optimizer(name: str, model: TableModel, rate: optim.Rate) -> Optimizer:
    kinds: dict[str, type[Any]] = {"adam": optim.Adam, "adamw": optim.AdamW, "sgd": optim.SGD}
    optimizer: Optimizer = kinds[name](model.network.parameters(), rate)
    return optimizer


def _print_progress(history: History, epochs: int) -> None:
    done = len(history.loss)
    if done == 1 or done == epochs or done % max(1, epochs // 10) == 0:
        held_out = f", held out {_loss(history.validation_loss[-1])}" if history.validation_loss else ""
        print(f"epoch {done:>{len(str(epochs))}}: loss {_loss(history.loss[-1])}{held_out}", flush=True)


def _loss(x: float) -> str:
    return f"{x:.4f}" if x < 1e6 else f"{x:.4g}"


def _print_scores(model: TableModel, tables: Sequence[tuple[str, Table]]) -> None:
    for name, table in tables:
        print(f"\n{name}, {len(table.rows):,} rows\n{scores(model, table)}")


def _write(folder: Path, model: TableModel, history: History, train: Table, held_out: Table) -> None:
    """Write everything into the folder; a picture for which a package is not there is left out with a note."""
    written: list[str] = []

    def put(name: str, text: str) -> None:
        write(folder / name, text)
        written.append(name)

    model.save(folder / "model.json")
    written.append("model.json")
    curves: dict[str, Sequence[float]] = {"epoch": range(1, len(history.loss) + 1), "loss": history.loss}
    if held_out.rows:
        curves["held_out_loss"] = history.validation_loss
    put("history.csv", csv_text([list(curves), *zip(*curves.values(), strict=False)]))  # Ctrl-C may cut the last row
    if held_out.rows:
        put("held_out.csv", held_out.csv())
    put("topology.svg", network_svg(model.network, names_of_inputs(model), names_of_outputs(model)))
    notes = []
    try:
        put("loss.svg", history.svg())
        if has_plane(model):
            put("boundary.svg", boundary_svg(model, train, held_out))
    except ImportError:
        notes.append("no plot without matplotlib: pip install 'glassgrad[plot]'")
    try:
        _put_graph(folder, model, train, written)
    except RuntimeError as error:
        notes.append(f"no graph.svg: {error}")
    print(f"\nwritten into {folder}: {', '.join(written)}")
    for note in notes:
        complain(NAME, note)


def _put_graph(folder: Path, model: TableModel, train: Table, written: list[str]) -> None:
    one = train.part([0])
    value = model.loss(model.network(model.encode(one)[0]), model.encode_targets(one)[0])
    if len(topological(value)) <= SMALL_GRAPH:
        from autograd.view import draw

        model.zero_grad()
        value.backward()
        draw(value).save(folder / "graph.svg")
        written.append("graph.svg")


# ---- predict, evaluate, show -----------------------------------------------------------------------------------------


def _predict(args: argparse.Namespace) -> int:
    model = TableModel.load(args.model)
    table = _read(args.data)
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
    table = _read(args.data)
    loss = evaluate(model.network, model.encode(table), model.encode_targets(table), loss=model.loss)
    print(f"{table.name}: {len(table.rows):,} rows, loss {loss:.6g}\n{scores(model, table)}")
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


def _read(source: str) -> Table:
    try:
        return read_table(source, _standard_input)
    except FileNotFoundError:
        known = ", ".join(TASKS)
        raise UsageError(f"{source!r} is neither a file nor a task; the tasks are {known}") from None


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise UsageError("standard input is closed: there is nothing to read")
    return sys.stdin.buffer.read()


COMMANDS = {"train": _train, "predict": _predict, "evaluate": _evaluate, "show": _show}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that ``argv`` (default: the process's arguments) names; returns the exit code."""

    def command() -> int:
        args = _parser().parse_args(sys.argv[1:] if argv is None else argv)
        return COMMANDS[args.command](args)

    return run(NAME, command)


if __name__ == "__main__":
    sys.exit(main())
