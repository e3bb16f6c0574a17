"""Vector functions compiled to be run over arrays: what their tests and their benchmark share."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable, Iterable
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from autograd.compile.vector_math import ARGUMENTS, definition

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()

# invalid, division by zero, overflow in C's fenv.h
FLAGS = {"x86_64": 1 | 4 | 8, "AMD64": 1 | 4 | 8, "aarch64": 1 | 2 | 4, "arm64": 1 | 2 | 4}.get(platform.machine())

Runner = Callable[..., Any]


def machine(fused: bool = True, level: int = 2) -> llvm.TargetMachine:
    """This processor; with ``fused=False`` as if it had no fused multiply-add."""
    features = llvm.get_host_cpu_features()
    if not fused:
        features["fma"] = features["fma4"] = features["avx512f"] = False
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name() if fused else "x86-64", features=features.flatten(), opt=level
    )


def compiled(text: str, target: llvm.TargetMachine, level: int = 2) -> Callable[[str], int]:
    """The addresses of the functions in a module, optimised as an executor would."""
    module = llvm.parse_assembly(text)
    module.verify()
    builder = llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options(speed_level=level))
    builder.getModulePassManager().run(module, builder)
    engine = llvm.create_mcjit_compiler(module, target)
    engine.finalize_object()

    def address(name: str, _alive: Any = engine) -> int:
        return int(engine.get_function_address(name))

    return address


def symbols(names: Iterable[str]) -> None:
    """Tells LLVM where the C library's functions are, as ``libm.name``, and those of fenv.h."""
    library = ctypes.CDLL(None)
    for name in names:
        llvm.add_symbol(f"libm.{name}", ctypes.cast(getattr(library, name), ctypes.c_void_p).value)
    for name in ("feclearexcept", "fetestexcept"):
        llvm.add_symbol(name, ctypes.cast(getattr(library, name), ctypes.c_void_p).value)


def over(function: str, definitions: str, width: int, arguments: int, flags: int = 0) -> str:
    """LLVM's text of ``loop(arguments, results, flags, n)`` over arrays, one argument's values after the other's.

    With ``flags``, every vector's are taken down: the processor's, cleared before and read after.
    """
    of = "double" if width == 1 else f"<{width} x double>"
    loads, operands = [], []
    for a in range(arguments):
        loads += [
            f"%at{a} = mul i64 %n, {a}",
            f"%from{a} = add i64 %at{a}, %i",
            f"%p{a} = getelementptr double, ptr %in, i64 %from{a}",
            f"%x{a} = load {of}, ptr %p{a}, align 8",
        ]
        operands.append(f"{of} %x{a}")
    before = ["%old = call i32 @feclearexcept(i32 63)"] if flags else []
    after = [
        f"%raised = call i32 @fetestexcept(i32 {flags})",
        "%r = getelementptr i32, ptr %flags, i64 %i",
        "store i32 %raised, ptr %r",
    ]
    return "\n".join(
        [
            definitions,
            "declare i32 @feclearexcept(i32)\ndeclare i32 @fetestexcept(i32)" if flags else "",
            f'define void @loop(ptr %in, ptr %out, ptr %flags, i64 %n) nounwind "min-legal-vector-width"="{64 * width}" {{',
            "entry:\nbr label %turn\nturn:\n%i = phi i64 [0, %entry], [%j, %turn]",
            *before,
            *loads,
            f"%y = call {of} @{function}({', '.join(operands)})",
            f"%q = getelementptr double, ptr %out, i64 %i\nstore {of} %y, ptr %q, align 8",
            *(after if flags else []),
            f"%j = add i64 %i, {width}\n%more = icmp ult i64 %j, %n\nbr i1 %more, label %turn, label %done",
            "done:\nret void\n}",
        ]
    )


def loop(text: str, target: llvm.TargetMachine, level: int = 2) -> Any:
    """The C function that ``over`` wrote."""
    address = compiled(text, target, level)
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)(
        address("loop")
    )
    function.address = address  # which keeps the code alive
    return function


def runner(name: str, width: int, fused: bool = True, level: int = 2, inline: bool = True) -> Callable[..., np.ndarray]:
    """The function over arrays of points."""
    symbols(["sin", "cos", "pow"])
    count = ARGUMENTS.get(name, 1)
    text = over(f"lanes.{name}", definition(name, width, inline), width, count)
    function = loop(text, machine(fused, level), level)

    def run(*arguments: np.ndarray) -> np.ndarray:
        size = len(arguments[0])
        points = np.ones((count, size + -size % width))
        points[:, :size] = arguments
        results = np.empty(points.shape[1])
        function(points.ctypes.data, results.ctypes.data, None, points.shape[1])
        return results[:size]

    return run


def flag_runner(name: str, width: int, level: int = 2) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """The function over arrays of points, each alone in a vector: results, and whether it raised a flag."""
    assert FLAGS
    symbols(["sin", "cos", "pow"])
    count = ARGUMENTS.get(name, 1)
    text = over(f"lanes.{name}", definition(name, width), width, count, FLAGS)
    function = loop(text, machine(level=level), level)

    def run(*arguments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        points = np.repeat(np.array(arguments, float), width, axis=1)
        results = np.empty(points.shape[1])
        flags = np.zeros(points.shape[1], np.int32)
        function(points.ctypes.data, results.ctypes.data, flags.ctypes.data, points.shape[1])
        return results[::width], flags[::width] != 0

    return run
