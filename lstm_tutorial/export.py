"""Export a model that contains ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN``, with batch and length open.

torch 2.13 exports a recurrent module with the example's length built in, or not at all where it is
bidirectional or its input is packed. The way round it:

- while torch traces the model, the modules do not run torch's kernel, but one operator of this file
  per layer, ``lstm_export::rnn``. Its arguments are those of ONNX's nodes ``LSTM``, ``GRU`` and
  ``RNN``: both directions, initial states, and one length per row, in any order;
- meanwhile ``pack_padded_sequence`` neither sorts nor packs: the ``PackedSequence`` that it returns
  holds the padded batch and the lengths. So one model serves for training and for export;
- the operator becomes one ONNX node, or, in a ``.pt2`` file, a loop over the steps.

Whatever is replaced is put back, after an error as well. Before a file is written, its results are
compared with the module's, at sizes other than the example's.

This file needs torch and, for ONNX, onnxscript: copy it into your own project if you like.
"""

import contextlib
import io
import logging
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

# Where torch's weights, i, f, g, o or r, z, n, hold the gates of ONNX, i, o, f, c or z, r, h.
GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN_TANH": (0,), "RNN_RELU": (0,)}


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Silence what torch says of its own code, and of packages that nobody needs."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        log.setLevel(level)


@_quietly()
def to_onnx(
    module: nn.Module,
    path: str | Path,
    args: Sequence[Any],
    *,
    open_sizes: bool = True,
    metadata: Mapping[str, str] | None = None,
    **options: Any,
) -> float | None:
    """Write a model as one ONNX file: one recurrent node per layer, batch and length open.

    Args:
        module: in evaluation mode. It may call its ``nn.LSTM``, ``nn.GRU`` and ``nn.RNN`` with a
            padded batch, with states, packed, or through ``lstm_tutorial.ragged.run``, and
            ``lstm_tutorial.LSTM`` as well. A Python loop over steps is unrolled.
        path: replaced if it exists; unchanged if anything fails.
        args: an example of the module's positional arguments, with at least two rows and steps.
            Every size that the module does not fix is open in the file.
        open_sizes: whether to refuse a model that fixes the batch size or the length.
        metadata: stored in the file, as its ``metadata_props``.
        options: for ``torch.onnx.export``: ``input_names``, ``output_names``, ``opset_version``.

    Returns:
        The largest difference between the module's results and the file's in onnxruntime, at the
        example's sizes and others; None where onnxruntime is not installed.

    Raises:
        ValueError: if the module cannot be exported, or the file's results differ.
        OSError: if the path cannot be written.
    """
    import onnx

    path = _checked_path(path)
    if projected := [name for name, part in module.named_modules() if _projects(part)]:
        raise ValueError(
            "expected proj_size=0, because ONNX's LSTM has no projection, "
            f"got an LSTM with one{' at ' * bool(projected[0])}{projected[0]}: use to_pt2"
        )
    program = _traced(module, args, open_sizes, module)
    with _in_one_sentence(module, "torch.onnx.export can convert"):
        proto = _converted(program, options)
        onnx.helper.set_model_props(proto, dict(metadata or {}))
        onnx.checker.check_model(proto, full_check=True)
        content = proto.SerializeToString()
    worst = _compare_in_onnxruntime(module, content, _examples(program, args))
    _write(path, content)
    return worst


@_quietly()
def to_pt2(
    module: nn.Module,
    path: str | Path,
    args: Sequence[Any],
    *,
    open_sizes: bool = True,
) -> ExportedProgram:
    """Write a model as a ``.pt2`` file that ``torch.export.load`` reads, batch and length open.

    Neither the file nor the program needs this package. The program can be compiled ahead of time,
    for Python and C++: ``torch._inductor.aoti_compile_and_package(program, package_path=...)``.

    Args:
        module, path, args, open_sizes: as for ``to_onnx``; projections are allowed.

    Returns:
        The exported program, for inference.

    Raises:
        ValueError: if the module cannot be exported, or the program's results differ.
        OSError: if the path cannot be written.
    """
    path = _checked_path(path)
    program = _traced(module, args, open_sizes)
    examples, file = _examples(program, args), io.BytesIO()
    with torch.no_grad():
        program = program.run_decompositions({torch.ops.lstm_export.rnn.default: _rnn})
        for given in examples:
            _compare(_expected(module, given), tree_leaves(program.module()(*given)))
    torch.export.save(program, file)
    _write(path, file.getvalue())
    return program


@contextlib.contextmanager
def exportable(module: nn.Module | None = None) -> Iterator[None]:
    """Let recurrent modules and packing run in a form that exporters can follow, while inside.

    For ``torch.export.export`` with ``strict=False``, in one thread. A PackedSequence then holds
    ``data``, float (L, N, H_in), and, as ``batch_sizes``, the lengths, int64 (N,). The weights of
    all layers in this module become constants in the order of ONNX; without it they are parameters
    that are brought into this order whenever the program runs.
    """
    parts = [] if module is None else [p for p in module.modules() if hasattr(p, "all_weights")]
    with torch.no_grad():
        weights = {part: _layers(part) for part in parts}

    def forward(self: Any, input: Any, hx: Any = None) -> tuple[Any, Any]:
        return _forward(self, weights.get(self) or _layers(self), input, hx)

    replaced: list[tuple[Any, str, Any]] = []
    replaced += [(kind, "forward", forward) for kind in (nn.LSTM, nn.GRU, nn.RNN)]
    # Models have imported these two by name, so that only their code can be replaced.
    replaced.append((pack_padded_sequence, "__code__", _pack.__code__))
    replaced.append((pad_packed_sequence, "__code__", _pad.__code__))
    before = [getattr(owner, name) for owner, name, _ in replaced]
    try:
        for owner, name, ours in replaced:
            setattr(owner, name, ours)
        yield
    finally:
        for (owner, name, _), theirs in zip(replaced, before, strict=True):
            setattr(owner, name, theirs)


def _pack(  # runs with the globals of torch.nn.utils.rnn, as does _pad
    input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    steps = input.transpose(0, 1) if batch_first else input
    lengths = torch.as_tensor(lengths)
    lengths = lengths if lengths.dtype == torch.int64 else lengths.to(torch.int64)
    torch._check(lengths.size(0) == steps.size(1))
    return PackedSequence(steps, lengths)


def _pad(
    sequence: Any, batch_first: bool = False, padding_value: float = 0.0, total_length: Any = None
) -> tuple[Tensor, Tensor]:
    steps, lengths = sequence.data, sequence.batch_sizes
    if total_length is None:  # as many steps as the longest sequence has
        total_length = lengths.max().item()
        torch._check(total_length >= 1)
        torch._check(total_length <= steps.size(0))
    steps = steps[:total_length]
    padding = torch.arange(steps.size(0), device=steps.device)[:, None] >= lengths.to(steps.device)
    padding = padding.reshape(padding.shape + (1,) * (steps.dim() - 2))
    steps = steps.masked_fill(padding, padding_value)
    return steps.transpose(0, 1) if batch_first else steps, lengths


def _forward(self: Any, layers: Sequence[Any], input: Any, hx: Any) -> tuple[Any, Any]:
    """Stand in for the ``forward`` of a recurrent module in evaluation mode."""
    packed = isinstance(input, PackedSequence)
    x, lengths = (input.data, input.batch_sizes) if packed else (input, None)
    if x.dim() != 3:
        raise ValueError(f"expected a batch, got {x.dim()}-D input: add a dimension of one row")
    x = x.transpose(0, 1) if self.batch_first and not packed else x
    if lengths is not None and lengths.device != x.device:
        lengths = lengths.to(x.device)
    mode, finals = _mode(self), []
    for states, weights in zip(_states(self, mode, x, hx), layers, strict=True):
        x, *ends = torch.ops.lstm_export.rnn(x, lengths, *states, *weights, mode)
        finals.append(ends)
    h_n, c_n = (torch.cat(ends) for ends in zip(*finals, strict=True)) if len(finals) > 1 else ends
    x = x.transpose(0, 1) if self.batch_first and not packed else x
    output = PackedSequence(x, input.batch_sizes) if packed else x
    return output, (h_n, c_n) if mode == "LSTM" else h_n


def _states(module: Any, mode: str, x: Tensor, hx: Any) -> Iterable[tuple[Any, Any]]:
    """Return h_0 and c_0 of each layer, None where there is none, and tell torch their sizes."""
    layers, directions = module.num_layers, 2 if module.bidirectional else 1
    sizes = [getattr(module, "proj_size", 0) or module.hidden_size]
    sizes += [module.hidden_size] if mode == "LSTM" else []
    if hx is None:
        h, c = (x.new_zeros(directions, x.size(1), size) for size in (sizes[0], sizes[-1]))
        return [(h, c if mode == "LSTM" else None)] * layers
    states = hx if mode == "LSTM" else [hx]
    for state, size in zip(states, sizes, strict=True):
        for dim, wanted in enumerate((directions * layers, x.size(1), size)):
            torch._check(state.size(dim) == wanted)
    split = [state.split(directions) if layers > 1 else [state] for state in states]
    return zip(*split, *[] if mode == "LSTM" else [[None] * layers], strict=True)


def _layers(module: Any) -> list[list[Tensor | None]]:
    """Join the directions of each layer, with the gates in the order of ONNX.

    Returns:
        for each layer W float (D, gates*H_cell, H_in); R float (D, gates*H_cell, H_out); B float
        (D, 2*gates*H_cell), or None; the projections P, float (D, H_out, H_cell), or None.
    """
    gates, size, given = GATES[_mode(module)], module.hidden_size, module.all_weights
    starts = torch.tensor(gates, device=given[0][0].device)[:, None] * size
    rows, layers = (starts + torch.arange(size, device=starts.device)).flatten(), []
    for k in range(0, len(given), D := len(given) // module.num_layers):
        own = [[w[rows] for w in ws[: 4 if module.bias else 2]] for ws in given[k : k + D]]
        W, R = (torch.stack([ws[k] for ws in own]) for k in (0, 1))
        B = torch.stack([torch.cat(ws[2:]) for ws in own]) if module.bias else None
        P = torch.stack([ws[-1] for ws in given[k : k + D]]) if _projects(module) else None
        layers.append([W, R, B, P])
    return layers


def _mode(module: Any) -> str:
    return getattr(module, "mode", "LSTM")


def _projects(module: Any) -> bool:
    return getattr(module, "proj_size", 0) > 0


def _rnn(
    x: Tensor,
    lengths: Tensor | None,
    h_0: Tensor,
    c_0: Tensor | None,
    W: Tensor,
    R: Tensor,
    B: Tensor | None,
    P: Tensor | None,
    mode: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """Run a layer by a loop over the steps: the operator, in torch.

    Args:
        x: float (L, N, H_in).
        lengths: int64 (N,), or None where all rows have L steps.
        h_0, c_0: float (D, N, H_out) and, for an LSTM, (D, N, H_cell).
        W, R, B, P: from ``_layers``.
        mode: a key of ``GATES``.

    Returns:
        output float (L, N, D*H_out), zero on padding; h_n; c_n, which means something for an LSTM.
    """
    steps = torch.arange(x.size(0), device=x.device)[:, None].expand(-1, x.size(1))  # (L, N)
    running, backwards = torch.ones_like(steps, dtype=torch.bool), steps.flip(0)
    if lengths is not None:
        running = steps < lengths
        backwards = torch.where(running, lengths - 1 - steps, steps)
    outputs, finals = [], []
    for d in range(R.size(0)):
        bias, inner = (None, R.new_zeros(R.size(1))) if B is None else B[d].chunk(2)
        c = torch.zeros_like(h_0[d]) if c_0 is None else c_0[d]
        weights = [each.clone() for each in (R[d], inner, *([] if P is None else [P[d]]))]
        gates = F.linear(x, W[d], bias)
        out, *ends = _walk(_turned(gates, backwards, d), running, h_0[d], c, weights, mode)
        outputs.append(_turned(out, backwards, d))
        finals.append(ends)
    h_n, c_n = (torch.stack(ends) for ends in zip(*finals, strict=True))
    return torch.cat(outputs, dim=-1), h_n, c_n


def _turned(steps: Tensor, backwards: Tensor, direction: int) -> Tensor:
    """Reverse each row within its own length, for the second direction."""
    return steps.gather(0, backwards[..., None].expand_as(steps)) if direction == 1 else steps


def _walk(
    gates: Tensor, running: Tensor, h: Tensor, c: Tensor, weights: Sequence[Tensor], mode: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Run one direction; the gates have the input's part already."""

    def goes_on(t: Tensor, out: Tensor, h: Tensor, c: Tensor, gates: Tensor, *_: Tensor) -> Tensor:
        return t < gates.size(0)

    def step(
        t: Tensor, out: Tensor, h: Tensor, c: Tensor, gates: Tensor, running: Tensor, *ws: Tensor
    ) -> tuple[Tensor, ...]:
        valid, now = (each.index_select(0, t[None])[0] for each in (running[..., None], gates))
        new_h, new_c = _step(now, h, c, mode, *ws)
        out = out.index_copy(0, t[None], torch.where(valid, new_h, 0.0)[None])
        return t + 1, out, torch.where(valid, new_h, h), torch.where(valid, new_c, c)

    start = torch.zeros((), dtype=torch.int64, device=gates.device)
    out = gates.new_zeros(gates.size(0), h.size(0), h.size(1))
    carried = (start, out, h.clone(), c.clone())
    loop = torch.ops.higher_order.while_loop
    _, out, h, c = loop(goes_on, step, carried, (gates, running, *weights))
    return out, h, c


def _step(
    x: Tensor, h: Tensor, c: Tensor, mode: str, R: Tensor, bias: Tensor, *P: Tensor
) -> tuple[Tensor, Tensor]:
    gates = F.linear(h, R, bias)
    if mode == "GRU":
        (z, r, n), (z_h, r_h, n_h) = x.chunk(3, 1), gates.chunk(3, 1)
        z = torch.sigmoid(z + z_h)
        return (1 - z) * torch.tanh(n + torch.sigmoid(r + r_h) * n_h) + z * h, c + 0
    if mode != "LSTM":
        return (torch.tanh if mode == "RNN_TANH" else torch.relu)(x + gates), c + 0
    i, o, f, g = (x + gates).chunk(4, 1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(c)
    return F.linear(h, *P) if P else h, c


torch.library.custom_op("lstm_export::rnn", _rnn, mutates_args=())


@torch.library.register_fake("lstm_export::rnn")
def _shapes(
    x: Any, lengths: Any, h_0: Any, c_0: Any, W: Any, R: Any, B: Any, P: Any, mode: str
) -> tuple[Tensor, Tensor, Tensor]:
    torch._check(x.size(2) == W.size(2))
    output = x.new_empty(x.size(0), x.size(1), R.size(0) * R.size(2))
    return output, torch.empty_like(h_0), torch.empty_like(h_0 if c_0 is None else c_0)


def _node(
    x: Any, lengths: Any, h_0: Any, c_0: Any, W: Any, R: Any, B: Any, P: Any, mode: str
) -> tuple[Any, Any, Any]:
    """Write the operator as an ONNX node."""
    import onnxscript

    op: Any = onnxscript.opset18

    lengths = None if lengths is None else op.Cast(lengths, to=6)  # int32
    inputs, D = [x, W, R, B, lengths, h_0], R.shape[0]
    options = {"hidden_size": R.shape[2], "direction": "bidirectional" if D == 2 else "forward"}
    if mode == "LSTM":
        output, h_n, c_n = op.LSTM(*inputs, c_0, **options)
    elif mode == "GRU":
        output, h_n = op.GRU(*inputs, **options, linear_before_reset=1)
    else:
        output, h_n = op.RNN(*inputs, **options, activations=[mode[4:].title()] * D)
    output = op.Transpose(output, perm=[0, 2, 1, 3])  # (L, N, D, H_out)
    output = op.Reshape(output, op.Constant(value_ints=[0, 0, -1]))
    return output, h_n, c_n if mode == "LSTM" else h_n


def _traced(
    module: nn.Module, args: Sequence[Any], open_sizes: bool, constant: nn.Module | None = None
) -> ExportedProgram:
    """Export with one operator per recurrent layer, and every size open that is not fixed."""
    if any(part.training for part in module.modules()):
        raise ValueError("expected a module in evaluation mode: call module.eval() first")
    _expected(module, args)  # whatever the module refuses, it refuses in its own words
    is_open = tree_map(lambda a: [Dim.AUTO] * a.dim() if isinstance(a, Tensor) else None, args)
    apart = tree_map(lambda a: a.clone() if isinstance(a, Tensor) else a, tuple(args))
    with _in_one_sentence(module, "torch.export can follow"), exportable(constant), torch.no_grad():
        program = torch.export.export(module, apart, dynamic_shapes=tuple(is_open), strict=False)
    for length, batch in _sizes(program) if open_sizes else ():
        if batch.isdigit() or (length.isdigit() and length != "1"):  # decoders take single steps
            fixed = f"batch size is {batch}" if batch.isdigit() else f"length is {length}"
            raise ValueError(
                f"expected batch and length to stay open, but in this module the {fixed}: give an "
                "example of at least two rows and steps, take sizes from the input, such as "
                "x.size(0), and not by len or int, or allow it by open_sizes=False"
            )
    return program


@contextlib.contextmanager
def _in_one_sentence(module: nn.Module, what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        words = str(error.__cause__ or error).strip().partition("\n")[0]
        name = type(module).__name__
        raise ValueError(f"expected a module that {what}, got {name}: {words}") from error


def _sizes(program: ExportedProgram) -> list[tuple[str, str]]:
    """Return L and N of each recurrent layer: a number where fixed, else the name of a symbol."""
    found = [n for n in program.graph.nodes if n.target is torch.ops.lstm_export.rnn.default]
    return [tuple(map(str, node.args[0].meta["val"].shape[:2])) for node in found]  # type: ignore[misc]


def _expected(module: nn.Module, args: Sequence[Any]) -> list[Any]:
    with torch.no_grad():
        return tree_leaves(module(*args))


def _examples(program: ExportedProgram, args: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the example, and others: rows and steps repeated where open, each tensor shifted."""
    found = {node.name: getattr(node.meta.get("val"), "shape", ()) for node in program.graph.nodes}
    shapes = [found.get(name, ()) for name in program.graph_signature.user_inputs]
    batches, examples = {batch for _, batch in _sizes(program)}, [tuple(args)]
    for rows, more in ((1, 0), (None, 2)):
        leaves, spec = tree_flatten(tuple(args))
        for k, shape in enumerate(shapes):
            for dim, size in enumerate(map(str, shape)):
                if not size.isdigit():
                    now = leaves[k].size(dim)
                    wanted = (rows or now + 1) if size in batches else now + more
                    picked = torch.arange(wanted, device=leaves[k].device) % now
                    leaves[k] = leaves[k].index_select(dim, picked)
            if isinstance(leaves[k], Tensor) and leaves[k].is_floating_point():
                leaves[k] = leaves[k] + 0.1 * k  # so that zeros for h and for c become different
        examples.append(tree_unflatten(leaves, spec))
    return examples


def _converted(program: ExportedProgram, options: Mapping[str, Any]) -> Any:
    """Make an ONNX model: with names for the open sizes."""
    from onnxscript import ir

    table: dict[Any, Any] = {torch.ops.lstm_export.rnn.default: _node}
    model = torch.onnx.export(  # type: ignore[union-attr]  # None is for dynamo=False
        program, dynamo=True, verbose=False, custom_translation_table=table, **options
    ).model
    names: dict[str, str] = {}
    for sizes in _sizes(program):
        for size, what in zip(sizes, ("length", "batch"), strict=True):
            others = sum(name.startswith(what) for name in names.values())
            names.setdefault(size, f"{what}_{others + 1}" if others else what)
    proto = ir.to_proto(model)
    for value in (*proto.graph.input, *proto.graph.output, *proto.graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param.isdigit():
                dim.dim_value = int(dim.dim_param)
            elif dim.dim_param:
                dim.dim_param = re.sub(r"\w+", lambda m: names.get(m[0], m[0]), dim.dim_param)
    return proto


def _compare_in_onnxruntime(
    module: nn.Module, content: bytes, examples: Sequence[tuple[Any, ...]]
) -> float | None:
    try:
        import onnxruntime
    except ImportError:
        return None
    worst = 0.0
    for given in examples:
        with _in_one_sentence(module, "onnxruntime can run"):
            session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
            tensors = [a.numpy(force=True) for a in tree_leaves(given) if isinstance(a, Tensor)]
            names = [value.name for value in session.get_inputs()]
            results = session.run(None, dict(zip(names, tensors, strict=True)))
        worst = max(worst, _compare(_expected(module, given), results))
    return worst


def _compare(expected: Sequence[Any], results: Sequence[Any]) -> float:
    """Return the largest difference; raise ``ValueError`` if one is too large."""
    worst = 0.0
    for k, (theirs, ours) in enumerate(zip(expected, results, strict=True)):
        ours = torch.as_tensor(ours, device=theirs.device)
        try:
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
        except AssertionError as error:
            words = " ".join(str(error).split())
            raise ValueError(
                f"expected the file to equal the module, in output {k}: {words}"
            ) from error
        if ours.is_floating_point() and ours.numel():
            worst = max(worst, float((ours - theirs).abs().max()))
    return worst


def _checked_path(path: str | Path) -> Path:
    path = Path(path)
    if path.is_dir() or not path.parent.is_dir():
        raise OSError(f"expected a file in a folder that exists, got {path}")
    return path


def _write(path: Path, content: bytes) -> None:
    """Write under another name, then rename: the file is whole, or as it was."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
