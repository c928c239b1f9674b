"""Export a model that contains ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN``, with batch and length open.

torch 2.13 exports a recurrent module with the example's length built in, or not at all where it is
bidirectional or its input is packed. The way round it:

- while torch traces the model, the modules do not run torch's kernel, but one operator of this file
  per layer, ``lstm_export::rnn``, whose arguments are those of the ONNX nodes ``LSTM``, ``GRU`` and
  ``RNN``: both directions, initial states, one length per row in any order;
- meanwhile ``pack_padded_sequence`` sorts and packs nothing: the ``PackedSequence`` that it returns
  holds the padded batch and the lengths. So the same model serves for training and for export;
- for ONNX, the operator becomes one node; for ``torch.export``, a loop over the steps.

Whatever is replaced is put back, also after an error. The exported model is compared with the
module, at sizes other than the example's, before anything is written.

This file needs torch and, for ONNX, onnxscript: copy it into your own project if you like.
"""

import contextlib
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

# Where each gate of an ONNX node is in torch's weights: i, o, f, c from i, f, g, o; z, r, h from
# r, z, n.
GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN_TANH": (0,), "RNN_RELU": (0,)}
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


def to_onnx(
    module: nn.Module,
    path: str | os.PathLike,
    args: Sequence[Any],
    *,
    open_sizes: bool = True,
    metadata: Mapping[str, str] | None = None,
    **options: Any,
) -> float | None:
    """Write a model as one ONNX file: one recurrent node per layer, batch and length open.

    Args:
        module: in evaluation mode. Its ``nn.LSTM``, ``nn.GRU`` and ``nn.RNN`` may be called with a
            padded batch, with states, packed, or through ``lstm_tutorial.ragged.run``. A loop over
            steps or layers in its own code is unrolled.
        path: replaced if it exists; unchanged if anything fails.
        args: an example of the module's positional arguments, with at least two rows. Every size
            that the module does not fix is open in the file.
        open_sizes: whether to refuse a model that fixes the batch size or the length.
        metadata: stored in the file, ``metadata_props``.
        options: passed to ``torch.onnx.export``: ``input_names``, ``output_names``,
            ``opset_version``.

    Returns:
        The largest difference between the module and the file in onnxruntime, at the example's
        sizes and at others; None where onnxruntime is not installed.

    Raises:
        ValueError: if the module cannot be exported, or the file's results differ from its results.
        OSError: if the path cannot be written.
    """
    import onnx

    path = _checked_path(path)
    if projected := [name for name, part in module.named_modules() if _projects(part)]:
        raise ValueError(
            f"expected LSTMs that ONNX can hold, got proj_size > 0 in {projected[0] or 'module'}: "
            "train with proj_size=0 and a linear layer behind, or use to_pt2"
        )
    program = _traced(module, args, open_sizes)
    proto = _converted(program, options)
    onnx.helper.set_model_props(proto, dict(metadata or {}))
    onnx.checker.check_model(proto, full_check=True)
    content = proto.SerializeToString()
    worst = _compared_with_onnx(module, content, list(_examples(program, args)))
    _write(path, content)
    return worst


def to_pt2(
    module: nn.Module,
    path: str | os.PathLike,
    args: Sequence[Any],
    *,
    open_sizes: bool = True,
) -> ExportedProgram:
    """Write a model as a ``.pt2`` file that ``torch.export.load`` reads, batch and length open.

    The file needs torch only. What is returned can be compiled ahead of time as well, for Python
    and C++: ``torch._inductor.aoti_compile_and_package(program, package_path=...)``.

    Args:
        module, path, args, open_sizes: as for ``to_onnx``; ``proj_size`` is allowed.

    Returns:
        The exported program, for inference.

    Raises:
        ValueError: if the module cannot be exported, or the program's results differ from its own.
        OSError: if the path cannot be written.
    """
    path = _checked_path(path)
    program = _traced(module, args, open_sizes)
    examples = list(_examples(program, args))
    with torch.no_grad():
        program = program.run_decompositions({torch.ops.lstm_export.rnn.default: _rnn})
        for given in examples:
            _compare(_expected(module, given), tree_leaves(program.module()(*given)))
    file = io.BytesIO()
    torch.export.save(program, file)
    _write(path, file.getvalue())
    return program


@contextlib.contextmanager
def exportable() -> Iterator[None]:
    """Let recurrent modules and packing run in a form that exporters can follow, while inside.

    In this form a PackedSequence holds ``data``, float (L, N, H_in), padded, and, in place of
    ``batch_sizes``, the lengths, int64 (N,). To be used around ``torch.export.export`` with
    ``strict=False``, from one thread.
    """
    replaced = [(kind, "forward", _forward) for kind in (nn.LSTM, nn.GRU, nn.RNN)]
    # Models have imported these two by name: only their code can be replaced.
    replaced += [(pack_padded_sequence, "__code__", _pack.__code__)]
    replaced += [(pad_packed_sequence, "__code__", _pad.__code__)]
    before = [getattr(owner, name) for owner, name, _ in replaced]
    try:
        for owner, name, ours in replaced:
            setattr(owner, name, ours)
        yield
    finally:
        for (owner, name, _), theirs in zip(replaced, before, strict=True):
            setattr(owner, name, theirs)


def _pack(  # runs among the names of torch.nn.utils.rnn
    input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    steps = input.transpose(0, 1) if batch_first else input
    lengths = torch.as_tensor(lengths).to(torch.int64)
    torch._check(lengths.size(0) == steps.size(1))
    return PackedSequence(steps, lengths)


def _pad(  # runs among the names of torch.nn.utils.rnn
    sequence: Any, batch_first: bool = False, padding_value: float = 0.0, total_length: Any = None
) -> tuple[Tensor, Tensor]:
    steps, lengths = sequence.data, sequence.batch_sizes
    if total_length is None:
        total_length = lengths.max().item()
        torch._check(total_length >= 1)
        torch._check(total_length <= steps.size(0))
    steps = steps[:total_length]
    padding = torch.arange(steps.size(0), device=steps.device)[:, None] >= lengths.to(steps.device)
    padding = padding.reshape(padding.shape + (1,) * (steps.dim() - 2))
    steps = steps.masked_fill(padding, padding_value)
    return steps.transpose(0, 1) if batch_first else steps, lengths


def _forward(self: Any, input: Any, hx: Any = None) -> tuple[Any, Any]:
    """Replace the ``forward`` of a recurrent module, or of one with the attributes of nn.LSTM."""
    packed = isinstance(input, PackedSequence)
    lengths = input.batch_sizes if packed else None
    x = input.data if packed else input
    if x.dim() != 3:
        raise ValueError(f"expected a batch, got {x.dim()}-D input: add a dimension of one row")
    x = x.transpose(0, 1) if self.batch_first and not packed else x
    mode, directions = getattr(self, "mode", "LSTM"), 2 if self.bidirectional else 1
    states = _states(self, mode, x, hx, directions * self.num_layers)
    finals = []
    for k in range(0, directions * self.num_layers, directions):
        own = [None if state is None else state[k : k + directions] for state in states]
        weights = _onnx_weights(self, mode, self.all_weights[k : k + directions])
        x, *ends = torch.ops.lstm_export.rnn(x, lengths, *own, *weights, mode)
        finals.append(ends)
    h_n, c_n = (torch.cat(ends) for ends in zip(*finals, strict=True))
    output = x.transpose(0, 1) if self.batch_first and not packed else x
    output = PackedSequence(output, lengths) if packed else output
    return output, (h_n, c_n) if mode == "LSTM" else h_n


def _states(module: Any, mode: str, x: Tensor, hx: Any, layers: int) -> list[Tensor | None]:
    h_out = getattr(module, "proj_size", 0) or module.hidden_size
    sizes = [h_out, module.hidden_size] if mode == "LSTM" else [h_out]
    if hx is None:
        states = [x.new_zeros(layers, x.size(1), size) for size in sizes]
    else:
        states = list(hx) if mode == "LSTM" else [hx]
    for state, size in zip(states, sizes, strict=True):
        for dim, wanted in enumerate((layers, x.size(1), size)):
            torch._check(state.size(dim) == wanted)
    return states if mode == "LSTM" else [*states, None]


def _onnx_weights(module: Any, mode: str, weights: Sequence[Any]) -> list[Tensor | None]:
    """Join the directions of a layer, with the gates in the order of ONNX.

    Returns:
        W float (D, gates*H_cell, H_in), R float (D, gates*H_cell, H_out), B float
        (D, 2*gates*H_cell) or None, and the projections, float (D, H_out, H_cell), or None.
    """
    size = module.hidden_size
    starts = torch.tensor(GATES[mode], device=weights[0][0].device)[:, None] * size
    rows = (starts + torch.arange(size, device=starts.device)).flatten()
    own = [[w.index_select(0, rows) for w in ws[: 4 if module.bias else 2]] for ws in weights]
    bias = torch.stack([torch.cat(ws[2:]) for ws in own]) if module.bias else None
    projection = torch.stack([ws[-1] for ws in weights]) if _projects(module) else None
    return [
        torch.stack([ws[0] for ws in own]),
        torch.stack([ws[1] for ws in own]),
        bias,
        projection,
    ]


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
    """Run a layer by a loop over the steps, in both directions if there are two.

    Args:
        x: float (L, N, H_in).
        lengths: int64 (N,), or None where all rows have L steps.
        h_0, c_0: float (D, N, H_out) and (D, N, H_cell); c_0 for an LSTM only.
        W, R, B, P: as ``_onnx_weights`` returns them.
        mode: a key of ``GATES``.

    Returns:
        output float (L, N, D*H_out), zero on padding; h_n; c_n, for an LSTM, else zeros.
    """
    steps = torch.arange(x.size(0), device=x.device)[:, None].expand(-1, x.size(1))  # (L, N)
    if lengths is None:
        running, backwards = torch.ones_like(steps, dtype=torch.bool), steps.flip(0)
    else:
        running = steps < lengths
        backwards = torch.where(running, lengths - 1 - steps, steps)
    running, backwards = running[..., None], backwards[..., None]
    outputs, finals = [], []
    for d in range(R.size(0)):
        bias, inner = (None, R.new_zeros(R.size(1))) if B is None else B[d].chunk(2)
        gates = F.linear(x, W[d], bias)
        gates = gates.gather(0, backwards.expand_as(gates)) if d == 1 else gates
        cell = torch.zeros_like(h_0[d]) if c_0 is None else c_0[d]
        own = [R[d].clone(), inner.clone(), *([] if P is None else [P[d].clone()])]
        out, *states = _walk(gates, running, h_0[d], cell, own, mode)
        outputs.append(out.gather(0, backwards.expand_as(out)) if d == 1 else out)
        finals.append(states)
    h_n, c_n = (torch.stack(states) for states in zip(*finals, strict=True))
    return torch.cat(outputs, dim=-1), h_n, c_n


def _walk(
    gates: Tensor, running: Tensor, h: Tensor, c: Tensor, weights: Sequence[Tensor], mode: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Run one direction, from gates that hold the input's share already."""

    def more(t: Tensor, out: Tensor, h: Tensor, c: Tensor, gates: Tensor, *_: Tensor) -> Tensor:
        return t < gates.size(0)

    def step(
        t: Tensor, out: Tensor, h: Tensor, c: Tensor, gates: Tensor, running: Tensor, *ws: Tensor
    ) -> tuple[Tensor, ...]:
        goes_on = running.index_select(0, t[None])[0]  # (N, 1)
        new_h, new_c = _step(gates.index_select(0, t[None])[0], h, c, mode, *ws)
        out = out.index_copy(0, t[None], torch.where(goes_on, new_h, 0.0)[None])
        return t + 1, out, torch.where(goes_on, new_h, h), torch.where(goes_on, new_c, c)

    start = torch.zeros((), dtype=torch.int64, device=gates.device)
    out = gates.new_zeros(gates.size(0), h.size(0), h.size(1))
    loop = torch.ops.higher_order.while_loop
    _, out, h, c = loop(more, step, (start, out, h.clone(), c.clone()), (gates, running, *weights))
    return out, h, c


def _step(
    x: Tensor, h: Tensor, c: Tensor, mode: str, R: Tensor, *rest: Tensor
) -> tuple[Tensor, ...]:
    """Compute the next h and c; rest is R's bias, and the projection where there is one."""
    gates = F.linear(h, R, rest[0])
    if mode == "GRU":
        z, r, n = x.chunk(3, 1)
        z_h, r_h, n_h = gates.chunk(3, 1)
        z = torch.sigmoid(z + z_h)
        return (1 - z) * torch.tanh(n + torch.sigmoid(r + r_h) * n_h) + z * h, c + 0
    if mode != "LSTM":
        return (torch.tanh if mode == "RNN_TANH" else torch.relu)(x + gates), c + 0
    i, o, f, g = (x + gates).chunk(4, 1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(c)
    return F.linear(h, rest[1]) if len(rest) > 1 else h, c


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
    from onnxscript import opset18 as op

    directions, _, size = R.shape
    lengths = None if lengths is None else op.Cast(lengths, to=6)  # int32
    inputs = [x, W, R, B, lengths, h_0]
    options: dict[str, Any] = {"hidden_size": size}
    options["direction"] = "bidirectional" if directions == 2 else "forward"
    if mode == "LSTM":
        out, h_n, c_n = op.LSTM(*inputs, c_0, **options)
    elif mode == "GRU":
        out, h_n = op.GRU(*inputs, **options, linear_before_reset=1)
    else:
        out, h_n = op.RNN(*inputs, **options, activations=[mode[4:].title()] * directions)
    out = op.Transpose(out, perm=[0, 2, 1, 3])  # (L, N, D, H_out)
    out = op.Reshape(out, op.Constant(value_ints=[0, 0, -1]))
    return out, h_n, c_n if mode == "LSTM" else h_n


def _checked_path(path: str | os.PathLike) -> Path:
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


def _traced(module: nn.Module, args: Sequence[Any], open_sizes: bool) -> ExportedProgram:
    """Export a module with one operator per layer, every size open that it does not fix."""
    name = type(module).__name__
    if any(part.training for part in module.modules()):
        raise ValueError(f"expected {name} in evaluation mode: call its .eval() first")
    _expected(module, args)  # so that the module's own errors come first, in its own words
    auto = tree_map(
        lambda arg: [Dim.AUTO] * arg.dim() if isinstance(arg, Tensor) else None, tuple(args)
    )
    try:
        with exportable(), torch.no_grad():
            program = torch.export.export(module, tuple(args), dynamic_shapes=auto, strict=False)
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        expected = f"expected a module that torch.export can follow, got {name}"
        raise ValueError(f"{expected}: {type(error).__name__}: {reason}") from error
    for node in _operators(program) if open_sizes else ():
        length, batch, _ = node.args[0].meta["val"].shape  # type: ignore[union-attr]
        fixed = {"batch size": batch} | ({"length": length} if length != 1 else {})
        if built_in := [what for what, size in fixed.items() if str(size).isdigit()]:
            raise ValueError(
                f"expected {name} to leave batch and length open, but its {built_in[0]} is "
                f"{fixed[built_in[0]]}: give an example with at least two rows and steps, take "
                "sizes from the input, as in x.size(0), or allow it with open_sizes=False"
            )
    return program


def _operators(program: ExportedProgram) -> list[torch.fx.Node]:
    return [n for n in program.graph.nodes if n.target is torch.ops.lstm_export.rnn.default]


def _expected(module: nn.Module, args: Sequence[Any]) -> list[Any]:
    with torch.no_grad():
        return tree_leaves(module(*args))


def _examples(program: ExportedProgram, args: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the example, and copies with other sizes wherever these are open."""
    yield tuple(args)
    nodes = [node for node in program.graph.nodes if node.op == "placeholder"]
    shapes = {
        node.name: node.meta["val"].shape
        for node in nodes
        if "val" in node.meta and isinstance(node.meta["val"], Tensor)
    }
    given = [shapes.get(name) for name in program.graph_signature.user_inputs]
    batches = {str(node.args[0].meta["val"].size(1)) for node in _operators(program)}
    for change in (lambda size, batch: 1 if batch else size, lambda size, batch: size + 2 - batch):
        leaves, spec = tree_flatten(tuple(args))
        for k, (leaf, shape) in enumerate(zip(leaves, given, strict=True)):
            for dim, size in enumerate(shape or ()):
                if not str(size).isdigit():
                    rows = torch.arange(change(leaf.size(dim), str(size) in batches)) % leaf.size(
                        dim
                    )
                    leaf = leaf.index_select(dim, rows.to(leaf.device))
            leaves[k] = leaf
        yield tree_unflatten(leaves, spec)


def _converted(program: ExportedProgram, options: Mapping[str, Any]) -> Any:
    """Make an ONNX model: weights computed once, open sizes named."""
    from onnxscript.optimizer import fold_constants

    table = {torch.ops.lstm_export.rnn.default: _node}
    made = torch.onnx.export(
        program, dynamo=True, verbose=False, custom_translation_table=table, **options
    )
    assert made is not None
    fold_constants(made.model, input_size_limit=2**31, output_size_limit=2**31)
    proto = made.model_proto
    names: dict[str, str] = {}
    for node in _operators(program):
        for size, what in zip(node.args[0].meta["val"].shape[:2], ("length", "batch"), strict=True):
            taken = sum(name.startswith(what) for name in names.values())
            names.setdefault(str(size), what + f"_{taken + 1}" * (taken > 0))
    for value in (*proto.graph.input, *proto.graph.output, *proto.graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param.isdigit():
                dim.dim_value = int(dim.dim_param)
            elif dim.dim_param:
                dim.dim_param = re.sub(r"\w+", lambda m: names.get(m[0], m[0]), dim.dim_param)
    return proto


def _compared_with_onnx(
    module: nn.Module, content: bytes, examples: Sequence[tuple[Any, ...]]
) -> float | None:
    try:
        import onnxruntime
    except ImportError:
        return None
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    worst = 0.0
    for given in examples:
        tensors = [
            leaf.numpy(force=True) for leaf in tree_leaves(given) if isinstance(leaf, Tensor)
        ]
        results = session.run(None, dict(zip(names, tensors, strict=True)))
        worst = max(worst, _compare(_expected(module, given), results))
    return worst


def _compare(expected: Sequence[Any], results: Sequence[Any]) -> float:
    """Return the largest difference; raise ``ValueError`` where it is too large."""
    worst = 0.0
    for k, (theirs, ours) in enumerate(zip(expected, results, strict=True)):
        ours = torch.as_tensor(ours, device=theirs.device)
        try:
            torch.testing.assert_close(ours, theirs, **TOLERANCE)
        except AssertionError as error:
            raise ValueError(f"expected output {k} to equal the module's: {error}") from error
        if ours.is_floating_point():
            worst = max(worst, float((ours - theirs).abs().max())) if ours.numel() else worst
    return worst
