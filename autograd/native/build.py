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
    """Builds ``value.py`` by Cython; where that cannot be done, says so in a line and leaves the interpreted one."""

    def run(self) -> None:
        for ext in self.extensions:  # one of an earlier build must not pass for this one's
            for built in {self.get_ext_fullpath(ext.name), str(Path(self.build_lib, self.get_ext_filename(ext.name)))}:
                Path(built).unlink(missing_ok=True)
        if os.environ.get("GLASSGRAD_NATIVE") == "off":
            return
        super().run()

    def build_extension(self, ext: Any) -> None:
        required = os.environ.get("GLASSGRAD_NATIVE") == "require"
        ext.optional = not required
        spec = importlib.util.spec_from_file_location("choice", PACKAGE / "native" / "choice.py")
        assert spec is not None
        assert spec.loader is not None
        choice = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(choice)
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
        try:
            if choice.table_mark(PACKAGE) not in (PACKAGE / "native" / "rules.h").read_bytes():
                raise ValueError("rules.h is not of this table; run: python -m autograd.native.generate")
            from Cython.Build import cythonize

            (made,) = cythonize(
                [ext],
                force=True,
                build_dir="build",
                compiler_directives={
                    "language_level": 3,
                    "annotation_typing": False,  # the types are those of value.pxd, as Python's float is no double
                    "allow_none_for_extension_args": False,  # None is no Value
                    "binding": False,  # methods check what they are called on
                    "embedsignature": True,
                    "embedsignature.format": "clinic",  # as inspect.signature reads it
                },
            )
            ext.sources = made.sources
            super().build_extension(ext)
        except Exception as error:  # whatever is missing (compiler, Python.h, Cython): the package works without
            if required:
                raise
            print(f"glassgrad: the compiled engine was not built ({error}); the interpreted one runs", file=sys.stderr)
