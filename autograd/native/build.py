"""The build step of the compiled engine, for setuptools: optional, and marked with the sources it was built from."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from setuptools.command.build_ext import build_ext

PACKAGE = Path(__file__).resolve().parents[1]


class BuildEngine(build_ext):  # type: ignore[misc]  # setuptools has no types
    """Builds the engine's units by Cython; where it cannot, says so in a line and leaves the interpreted one."""

    def run(self) -> None:
        if self.inplace and os.environ.get("GLASSGRAD_NATIVE") != "off" and not _choice().obstacle(PACKAGE):
            return  # an editable install of what was built from these very sources
        self.parallel: Any = self.parallel or os.cpu_count()
        for ext in self.extensions:  # one of an earlier build must not pass for this one's
            for built in {self.get_ext_fullpath(ext.name), str(Path(self.build_lib, self.get_ext_filename(ext.name)))}:
                Path(built).unlink(missing_ok=True)
        if os.environ.get("GLASSGRAD_NATIVE") == "off":
            return
        super().run()

    def build_extensions(self) -> None:
        required = os.environ.get("GLASSGRAD_NATIVE") == "require"
        for ext in self.extensions:
            ext.optional = False  # or setuptools would go on after an error, and say so at length
        try:
            self._prepare()
            super().build_extensions()
        except Exception as error:  # whatever is missing (compiler, Python.h, Cython): the package works without
            if required:
                raise
            for ext in self.extensions:  # all of it or nothing
                ext.optional = True
                Path(self.get_ext_fullpath(ext.name)).unlink(missing_ok=True)
            print(f"glassgrad: the compiled engine was not built ({error}); the interpreted one runs", file=sys.stderr)

    def _prepare(self) -> None:
        """Mark the units with their sources, choose the compiler's flags, and make C of them."""
        choice = _choice()
        if choice.table_mark(PACKAGE) not in (PACKAGE / "native" / "rules.h").read_bytes():
            raise ValueError("rules.h is not of this table; run: python -m autograd.native.generate")
        for ext in self.extensions:
            ext.define_macros.append(("GLASSGRAD_SOURCES", f'"{choice.fingerprint(PACKAGE).decode()}"'))
            ext.include_dirs.append(str(PACKAGE))
            if self.compiler.compiler_type == "msvc":
                ext.extra_compile_args += ["/O2", "/fp:precise"]
            else:  # no contraction: a fused multiply-add would round once where the interpreted engine rounds twice
                ext.extra_compile_args += ["-O3", "-g0", "-ffp-contract=off"]
                # GCC would stop short of making the sweep one loop
                ext.extra_compile_args += ["-finline-limit=2000", "--param", "inline-unit-growth=300"]
                ext.extra_compile_args += ["--param", "large-function-growth=1000"]
        # Cython copies the headers there and goes by their times, which say little of what is in them
        shutil.rmtree(Path("build", "autograd"), ignore_errors=True)
        from Cython.Build import cythonize

        units = cythonize(
            self.extensions,
            force=True,
            build_dir="build",
            compiler_directives={
                "language_level": 3,
                "annotation_typing": False,  # the types are those of the .pxd files, as Python's float is no double
                "allow_none_for_extension_args": False,  # None is no Value
                "binding": False,  # methods check what they are called on
                "embedsignature": True,
                "embedsignature.format": "clinic",  # as inspect.signature reads it
            },
        )
        for ext, made in zip(self.extensions, units, strict=True):
            ext.sources = made.sources


def _choice() -> Any:
    """The module of that name, without the package, which cannot be imported yet."""
    spec = importlib.util.spec_from_file_location("choice", PACKAGE / "native" / "choice.py")
    assert spec is not None
    assert spec.loader is not None
    choice = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(choice)
    return choice
