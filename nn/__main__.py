"""The command line: ``python -m nn train xor``, or a file; and predict, evaluate and show for a saved model.

Exit codes: 0 if all went well; 1 if data was refused, training failed, or a file could not be read or written; 2 for
wrong usage; 130 after Ctrl-C.  Results go to standard output, errors in one line to standard error.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Sequence

from autograd import __version__
from autograd.terminal import Parser, run

from .layers import activation_function
from .tables.columns import IMPUTE
from .tables.commands import COMMANDS, NAME, RATES
from .tables.tasks import TASKS

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

A file is CSV, Parquet (.parquet) or Excel (.xlsx), read by pandas. Delimiter, decimal comma,
thousands, a missing header and lines around the table are found out, or said by the options.
Columns are of numbers, of dates or of categories (texts). Numbers are scaled to mean 0 and standard
deviation 1, as the rows to train on have them; dates become days, scaled, and their phases in the
day, the week and the year, where the rows tell them apart; categories become a 1 among 0s. A target
of numbers is predicted as a number, unless it has at most 10 different whole numbers, each more
than once: then as a class. --number and --category say which is meant. Columns that name rows
(different texts, a count of the rows) are left out, and so are rows without a target; both is told.

Hidden layers of a file are tanh's for numbers and relu's for classes, those of a task tanh's.
Activations: linear, sigmoid, tanh, relu, leaky_relu, softplus, gelu, silu, elu, and every
primitive of one argument. Initial weights are Xavier's, or He's for relu and its like.

Written into the folder: model.json; loss.svg and history.csv, the losses of each epoch;
topology.svg, the network; graph.svg, the graph of operations for one row if it is small;
boundary.svg, the decisions in the plane, if the inputs are two numbers; and held_out.csv, the rows
that were not trained on. Ctrl-C ends the training early, and writes all of them.
"""


# ---- arguments -------------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = Parser(
        prog=PROG,
        description="Train a small network on a task or a table in a file, and use it.",
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
    train.add_argument("data", metavar="TASK|FILE", help=f"{', '.join(TASKS)}, or a file")
    train.add_argument("-o", "--output", metavar="DIR", help="the folder (default: trained-TASK)")
    add = train.add_argument
    add("--target", metavar="COLUMN", action="append", help="what to predict; may be given again for another one")
    add("--hidden", metavar="N,N,…", type=_sizes, help="neurons of each hidden layer, or none")
    add(
        "--activation",
        metavar="NAME",
        type=_activation,
        help="of hidden layers (default: tanh; for a file of classes, relu)",
    )
    add("--drop", metavar="COLUMN", action="append", default=[], help="leave this column out")
    add("--epochs", metavar="N", type=_count, help="rounds through all rows (default for a file: 10 to 200)")
    add("--patience", metavar="N", type=_count, help="hold a tenth of the rows out of training, and stop after N epochs"
        " in which the loss on them was no better")  # fmt: skip
    add("--l2", metavar="X", type=_positive, help="times the sum of squared parameters (default for a file: 1/n)")
    add("--cross-validate", metavar="K", type=_count, help="score K parts, each predicted from the others")
    add("--resume", metavar="MODEL.json", help="go on training this model, with its columns and targets")
    add("--json", action="store_true", help="print the result as JSON, and nothing else")
    add("--batch", metavar="N", type=_count, help="rows a step (default for a file: 16 to 200)")
    add("--optimizer", choices=list(RATES), default="adam", help="(default: adam)")
    add("--rate", metavar="X", type=_positive, help="of the first step; it falls to 0 along a cosine")
    add("--seed", metavar="N", type=_whole, default=0, help="for the split, the weights and the order (default: 0)")
    add("--held-out", metavar="SHARE", type=_share, help="of the rows, not trained on (default: 0.25; 0 for gates)")
    add("--impute", choices=[*IMPUTE, "none"], default="median", help="fill gaps among the inputs so, categories by the"
        " most frequent; none refuses them (default: median)")  # fmt: skip
    add("--number", metavar="COLUMN", action="append", default=[], help="this column holds numbers")
    add("--category", metavar="COLUMN", action="append", default=[], help="this column holds categories")

    _reading(train)

    for name, text in (
        ("predict", "Print a saved model's prediction for each row, as CSV"),
        ("evaluate", "Print a saved model's scores on rows whose targets are known"),
        ("show", "Print what a saved model reads, predicts and consists of"),
    ):
        sub = command(name, text)
        sub.add_argument("model", metavar="MODEL.json", help="a model that train has written")
        if name != "show":
            sub.add_argument("data", metavar="TASK|FILE", help="a task, a file, or - for standard input")
            _reading(sub)
        if name != "evaluate":
            what = "write to this file" if name == "predict" else "draw the network as well, into this .svg file"
            sub.add_argument("-o", "--output", metavar="FILE", help=what)
    return parser


def _reading(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("how a file is written, where it is not found out").add_argument
    add("--delimiter", metavar="C", type=lambda text: text.replace("\\t", "\t"), help="between fields, such as ;")
    add("--decimal", metavar="C", help="before the digits of a fraction, such as ,")
    add("--thousands", metavar="C", help="between the digits of large numbers, such as ,")
    add("--no-header", action="store_true", help="the first line is a row: name columns 1, 2, …")
    add("--encoding", metavar="NAME", default="utf-8", help="of a CSV file (default: utf-8)")


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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that ``argv`` (default: the process's arguments) names; returns the exit code."""

    def command() -> int:
        args = _parser().parse_args(sys.argv[1:] if argv is None else argv)
        return COMMANDS[args.command](args)

    return run(NAME, command)


if __name__ == "__main__":
    sys.exit(main())
