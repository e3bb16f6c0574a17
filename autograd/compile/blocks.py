"""LLVM's text for what is the same in all modules: blocks of points around the code of a program, and ``take``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

BLOCK = 8  # points in a block, however wide the registers are ...
MANY = 64  # ... and where all of them go through one part of a program before the next one is read

# One lane of take: the table has where each of the values is, as an index of doubles and, in the last two bits, whether
# from %shared, %varying, %work or @constants.  An index beyond the list raises the invalid flag.
TAKE = """\
define internal double @take(
  double %i, i64 %count, ptr %table, ptr %shared, ptr %varying, ptr %work, i64 %lane
) noinline {
  %whole = call double @llvm.trunc.f64(double %i)
  %above = sitofp i64 %count to double
  %below = fneg double %above
  %low = fcmp oge double %whole, %below
  %high = fcmp olt double %whole, %above
  %inside = and i1 %low, %high
  br i1 %inside, label %in, label %out
out:
  %bits = load volatile i64, ptr @zero
  %zero = bitcast i64 %bits to double
  %nan = fdiv double %zero, %zero
  ret double %nan
in:
  %signed = fptosi double %whole to i64
  %negative = icmp slt i64 %signed, 0
  %added = add i64 %signed, %count
  %k = select i1 %negative, i64 %added, i64 %signed
  %at = getelementptr i32, ptr %table, i64 %k
  %entry = load i32, ptr %at
  %wide = zext i32 %entry to i64
  %index = lshr i64 %wide, 2
  %kind = and i64 %wide, 3
  %is.shared = icmp eq i64 %kind, 0
  %is.varying = icmp eq i64 %kind, 1
  %is.work = icmp eq i64 %kind, 2
  %has.lanes = or i1 %is.varying, %is.work
  %p1 = select i1 %is.shared, ptr %shared, ptr @constants
  %p2 = select i1 %is.varying, ptr %varying, ptr %p1
  %p3 = select i1 %is.work, ptr %work, ptr %p2
  %moved = add i64 %index, %lane
  %place = select i1 %has.lanes, i64 %moved, i64 %index
  %p = getelementptr double, ptr %p3, i64 %place
  %x = load double, ptr %p
  ret double %x
}
@zero = internal global i64 0"""
KINDS = {"shared": 0, "varying": 1, "work": 2, "constants": 3}


def over_points(name: str, calls: Sequence[str], slots: int, width: int, attributes: str) -> str:
    """A function that goes through the calls for the first ``width`` of ``%points``, then for the next.

    The calls find their arguments by the names that parts have for them; each point has ``slots`` of its own in the
    workspace.
    """
    lines = "\n".join(calls)
    return f"""\
define internal void {name}(
  ptr %shared, ptr %every.varying, ptr %every.outputs, ptr %every.terms, ptr %every.slots, i64 %points
) noinline {attributes} {{
start:
br label %turn
turn:
%lane = phi i64 [0, %start], [%next.lane, %turned]
%varying = getelementptr double, ptr %every.varying, i64 %lane
%outputs = getelementptr double, ptr %every.outputs, i64 %lane
%terms = getelementptr double, ptr %every.terms, i64 %lane
%first = mul i64 %lane, {slots}
%work = getelementptr double, ptr %every.slots, i64 %first
{lines}
br label %turned
turned:
%next.lane = add i64 %lane, {width}
%again = icmp ult i64 %next.lane, %points
br i1 %again, label %turn, label %done
done:
ret void
}}"""


def summing(sums: int, block: int) -> Iterator[str]:
    """Loops over the reduced outputs, whose lanes are in the workspace: ``%points`` are added, in their order."""
    yield "br label %sum"
    yield "sum:"
    yield "%k = phi i64 [0, %start], [%next, %summed]"
    yield f"%first = mul i64 %k, {block}"
    yield "%at = getelementptr double, ptr %work, i64 %first"
    yield "%place = getelementptr double, ptr %sums, i64 %k"
    yield "%s = load double, ptr %place"
    yield "br label %term"
    yield "term:"
    yield "%l = phi i64 [0, %sum], [%l.next, %term]"
    yield "%before = phi double [%s, %sum], [%total, %term]"
    yield "%x.at = getelementptr double, ptr %at, i64 %l"
    yield "%x = load double, ptr %x.at"
    yield "%total = fadd double %before, %x"
    yield "%l.next = add i64 %l, 1"
    yield "%l.more = icmp ult i64 %l.next, %points"
    yield "br i1 %l.more, label %term, label %summed"
    yield "summed:"
    yield "store double %total, ptr %place"
    yield "%next = add i64 %k, 1"
    yield f"%more = icmp ult i64 %next, {sums}"
    yield "br i1 %more, label %sum, label %done"
    yield "done:"


def one_point(
    block_work: int,
    inputs: Sequence[tuple[str, int]],
    outputs: Sequence[tuple[str, int]],
    reduced: int,
    block: int,
    width: int,
    attributes: str,
) -> tuple[str, int]:
    """The function ``f`` of one point, which is that of a block for ``g``; with the size of its workspace.

    ``inputs`` and ``outputs`` say where they are for ``g``, ``reduced`` how many outputs are summed; a register's
    ``width`` of points must be there, and be equal.
    """
    into = [index * 2 + (pointer == "varying") for pointer, index in inputs]
    out = [index * 2 + (pointer == "terms") for pointer, index in outputs]
    shared = block_work
    varying = shared + -(-sum(not x & 1 for x in into) // BLOCK) * BLOCK
    results = varying + block * sum(x & 1 for x in into)
    sums = results + block * (len(out) - reduced)
    spread = "\n".join(
        f"%m{lane} = getelementptr double, ptr %many, i64 {lane}\nstore double %x, ptr %m{lane}"
        for lane in range(width)
    )
    text = f"""\
@into = internal constant [{len(into) + 1} x i64] [{", ".join(f"i64 {x}" for x in [*into, 0])}]
@out = internal constant [{len(out) + 1} x i64] [{", ".join(f"i64 {x}" for x in [*out, 0])}]
define i64 @f(ptr %inputs, ptr %results, ptr %work) {attributes} {{
start:
%shared = getelementptr double, ptr %work, i64 {shared}
%varying = getelementptr double, ptr %work, i64 {varying}
%outputs = getelementptr double, ptr %work, i64 {results}
%sums = getelementptr double, ptr %work, i64 {sums}
br label %inputs.check
inputs.check:
%k = phi i64 [0, %start], [%k.next, %scalar], [%k.next, %vector]
%k.more = icmp ult i64 %k, {len(into)}
br i1 %k.more, label %input, label %sums.check
input:
%k.next = add i64 %k, 1
%from = getelementptr double, ptr %inputs, i64 %k
%x = load double, ptr %from
%into.at = getelementptr i64, ptr @into, i64 %k
%into = load i64, ptr %into.at
%to = lshr i64 %into, 1
%varies = trunc i64 %into to i1
br i1 %varies, label %vector, label %scalar
scalar:
%single = getelementptr double, ptr %shared, i64 %to
store double %x, ptr %single
br label %inputs.check
vector:
%many = getelementptr double, ptr %varying, i64 %to
{spread}
br label %inputs.check
sums.check:
%s = phi i64 [0, %inputs.check], [%s.next, %clear]
%s.more = icmp ult i64 %s, {reduced}
br i1 %s.more, label %clear, label %compute
clear:
%s.next = add i64 %s, 1
%sum = getelementptr double, ptr %sums, i64 %s
store double 0.0, ptr %sum
br label %sums.check
compute:
%status = call i64 @g(ptr %shared, ptr %varying, ptr %outputs, ptr %sums, ptr %work, i64 1)
br label %outputs.check
outputs.check:
%o = phi i64 [0, %compute], [%o.next, %output]
%o.more = icmp ult i64 %o, {len(out)}
br i1 %o.more, label %output, label %done
output:
%o.next = add i64 %o, 1
%out.at = getelementptr i64, ptr @out, i64 %o
%out = load i64, ptr %out.at
%place = lshr i64 %out, 1
%is.term = trunc i64 %out to i1
%area = select i1 %is.term, ptr %work, ptr %outputs
%y.at = getelementptr double, ptr %area, i64 %place
%y = load double, ptr %y.at
%result = getelementptr double, ptr %results, i64 %o
store double %y, ptr %result
br label %outputs.check
done:
ret i64 %status
}}"""
    return text, sums + reduced
