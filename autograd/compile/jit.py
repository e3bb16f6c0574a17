"""LLVM as this package uses it: from a module's text to an object, and from an object to addresses in this process.

Imported where llvmlite is there (extra ``jit``), and only when something is compiled.
"""

from __future__ import annotations

import ctypes
import functools
import platform
from collections.abc import Mapping
from typing import Any

import llvmlite.binding as llvm

from .emit import addresses


@functools.cache
def features() -> Mapping[str, bool]:
    """What this processor can, in LLVM's names."""
    _initialize()
    return dict(llvm.get_host_cpu_features())


@functools.cache
def obstacle() -> str:
    """Why nothing can be compiled here; empty if it can."""
    if llvm.llvm_version_info[0] < 20:
        return f"LLVM {llvm.llvm_version_info[0]} is too old: install llvmlite 0.45 or newer"
    if _x86() and not features().get("sse4.1"):
        return "the processor has no SSE4.1"  # LLVM would call floor, and our modules call nothing by name
    return ""


def width() -> int:
    """How many doubles a register of this processor holds."""
    can = features()
    return 8 if can.get("avx512f") else 4 if can.get("avx") else 2


def registers(width: int) -> int:
    """How many values to keep in registers: two of them are needed to compute."""
    return 30 if not _x86() or (features().get("avx512vl") and width > 1) else 14


def host() -> str:
    """All that the code depends on besides the program: the processor, LLVM, how it is asked."""
    _initialize()
    can = features()
    version = ".".join(map(str, llvm.llvm_version_info))
    has = ",".join(name for name in sorted(can) if can[name])
    return f"{llvm.get_process_triple()} {llvm.get_host_cpu_name()} {has} LLVM {version}"


def compile_object(text: str, optimize: bool | None = None) -> bytes:
    """The machine code of a module, relocatable.

    Without ``optimize`` LLVM translates one instruction after the other, in a tenth of the time, and straight code that
    keeps few enough registers loses nothing by that; loops are better optimized.
    """
    _initialize()
    module = llvm.parse_assembly(text)
    return bytes(_machine(optimize).emit_object(module))


class Loaded:
    """An object in this process: functions have addresses until it is garbage."""

    def __init__(self, code: bytes) -> None:
        _initialize()
        # all in one piece of memory, as its parts must reach each other within 2 GB
        self.engine: Any = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine(None), use_lmm=True)
        self.engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self.engine.finalize_object()
        self.fill("addresses", addresses())

    def fill(self, variable: str, content: bytes) -> None:
        """Set a variable of the module, if it is there."""
        at = self.engine.get_global_value_address(variable)
        if at:
            ctypes.memmove(at, content, len(content))

    def address(self, function: str) -> int:
        """Of a function that the module defines."""
        found: int = self.engine.get_function_address(function)
        assert found, function
        return found


@functools.cache
def _initialize() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def _x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64")


def _machine(optimize: bool | None) -> Any:
    """A target machine; each is used once, as an engine takes it over.

    Elsewhere than on x86 LLVM's level 0 takes another way, which does not know all vectors.
    """
    level = 1 if optimize or not _x86() else 0
    flags = ",".join(f"{'+' if there else '-'}{name}" for name, there in sorted(features().items()))
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=flags, opt=level, reloc="pic", codemodel="small", jit=True
    )
