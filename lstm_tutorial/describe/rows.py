"""The rows of a description: every tensor, its shape as formula and numbers, and its slices.

Each shape is written once, as its formula; the numbers follow from it.
"""

from lstm_tutorial.describe.description import Part, Row
from lstm_tutorial.describe.form import Form

GATES = ("input gate i", "forget gate f", "candidate g", "output gate o")
DIRECTIONS = ("forward", "reverse")
AXES = {
    "N": "sequence",
    "L": "time step",
    "max(lengths)": "time step",
    "sum(lengths)": "valid step (step 0 first)",
    "H_in": "input feature",
    "H_out": "feature of h",
    "H_cell": "feature of c",
    "D*H_out": "feature of h",
    "D*num_layers": "layer and direction",
}


def parameter_rows(form: Form) -> tuple[Row, ...]:
    """List the parameters in the order of ``module.parameters()``; parts are the gates' blocks."""
    return tuple(
        _parameter(form, name, formula, layer, direction)
        for layer in range(form.sizes["num_layers"])
        for direction in range(form.sizes["D"])
        for name, formula in _formulas(form, layer).items()
    )


def _formulas(form: Form, layer: int) -> dict[str, tuple[str, ...]]:
    formulas: dict[str, tuple[str, ...]] = {
        "weight_ih": ("4*H_cell", "H_in" if layer == 0 else "D*H_out"),
        "weight_hh": ("4*H_cell", "H_out"),
    }
    if form.module.bias:
        formulas |= {"bias_ih": ("4*H_cell",), "bias_hh": ("4*H_cell",)}
    if form.module.proj_size > 0:
        formulas["weight_hr"] = ("H_out", "H_cell")
    return formulas


def _parameter(form: Form, name: str, formula: tuple[str, ...], layer: int, direction: int) -> Row:
    holds = {
        "weight_ih": "input to gates" if layer == 0 else f"layer {layer - 1} to gates",
        "weight_hh": "earlier h to gates",
        "bias_ih": "added to W_ih x",
        "bias_hh": "added to W_hh h",
        "weight_hr": "o * tanh(c) to h",
    }
    full_name = f"{name}_l{layer}" + ("_reverse" if direction == 1 else "")
    shape = form.shape(formula)
    height = form.sizes["H_cell"]
    parts = tuple(
        Part(f"{full_name}[{k * height}:{(k + 1) * height}]", (height, *shape[1:]), gate)
        for k, gate in enumerate(GATES)
    )
    meaning = f"layer {layer} {DIRECTIONS[direction]}: {holds[name]}"
    return Row(full_name, shape, formula, meaning, parts=() if name == "weight_hr" else parts)


def input_rows(form: Form) -> tuple[Row, ...]:
    """List the call's arguments: the input, or the fields of a packed one; h_0 and c_0."""
    rows = [_row(form, "input", "what the module is called with", (*form.leading, "H_in"))]
    if form.kind == "packed":
        rows = [
            _row(form, "input.data", "valid steps only", (*form.leading, "H_in")),
            _row(form, "input.batch_sizes", "int64, CPU: sequences in a step", ("max(lengths)",)),
        ]
        if not form.is_sorted:
            sort, unsort = "int64: takes the longest first", "int64: takes them back"
            rows.append(_row(form, "input.sorted_indices", sort, ("N",)))
            rows.append(_row(form, "input.unsorted_indices", unsort, ("N",)))
    states = [
        _state(form, "h_0", "hx[0]; zeros if hx is not given"),
        _state(form, "c_0", "hx[1]; zeros if hx is not given"),
    ]
    return (*rows, *states)


def output_rows(form: Form) -> tuple[Row, ...]:
    """List the call's results, and the result of ``pad_packed_sequence`` for a packed output."""
    h_n = _state(form, "h_n", "h after each sequence's last step", parts=True)
    c_n = _state(form, "c_n", "c after each sequence's last step", parts=True)
    features = (*form.leading, "D*H_out")
    if form.kind != "packed":
        return (_output(form, "output", "h of the last layer at every step", features), h_n, c_n)
    option = ", batch_first=True" if form.module.batch_first else ""
    time_and_batch = ("N", "max(lengths)") if form.module.batch_first else ("max(lengths)", "N")
    padded = f"pad_packed_sequence(output{option}) is (padded, lengths)"
    return (
        _output(form, "output.data", "h of the last layer, packed as the input", features),
        h_n,
        c_n,
        _output(form, "padded", padded, (*time_and_batch, "D*H_out")),
        _row(form, "lengths", "int64 on the CPU", ("N",)),
    )


def _output(form: Form, name: str, meaning: str, formula: tuple[str, ...]) -> Row:
    """Make a row whose last axis has the directions of the last layer side by side."""
    shape = (*form.shape(formula[:-1]), form.sizes["H_out"])
    width, top = form.sizes["H_out"], form.sizes["num_layers"] - 1
    cuts = [f"[..., :{width}]", f"[..., {width}:]"] if form.sizes["D"] == 2 else [""]
    parts = tuple(
        Part(f"{name}{cut}", shape, f"layer {top} {direction}, every step")
        for cut, direction in zip(cuts, DIRECTIONS, strict=False)
    )
    return _row(form, name, meaning, formula, parts)


def _state(form: Form, name: str, meaning: str, parts: bool = False) -> Row:
    """Make a row for a state: never batch-first, a layer's directions one after the other."""
    width = "H_cell" if name.startswith("c") else "H_out"
    formula = ("D*num_layers", width) if form.kind == "unbatched" else ("D*num_layers", "N", width)
    directions, layers = form.sizes["D"], form.sizes["num_layers"]
    slices = tuple(
        _final(form, name, layer, direction, form.shape(formula[1:]))
        for layer in range(layers if parts else 0)
        for direction in range(directions)
    )
    return _row(form, name, meaning, formula, slices)


def _final(form: Form, name: str, layer: int, direction: int, shape: tuple[int, ...]) -> Part:
    k = layer * form.sizes["D"] + direction
    ends = ("after the last step", "after step 0, where it ends")
    is_in_output = name == "h_n" and layer == form.sizes["num_layers"] - 1
    equals = _place_in_output(form, direction) if is_in_output else ""
    return Part(
        f"{name}[{k}]", shape, f"layer {layer} {DIRECTIONS[direction]}, {ends[direction]}", equals
    )


def _place_in_output(form: Form, direction: int) -> str:
    """Write the slice of output, or of padded, that equals a final state of the last layer."""
    width = form.sizes["H_out"]
    name, time, batch = "output", "-1" if direction == 0 else "0", ":"
    if form.kind == "packed":
        name = "padded"
        if direction == 0:
            time, batch = "lengths - 1", f"torch.arange({form.sizes['N']})"
    index = [batch, time] if form.module.batch_first else [time, batch]
    if form.kind == "unbatched":
        index = [time]
    if form.sizes["D"] == 2:
        index.append(f":{width}" if direction == 0 else f"{width}:")
    elif index[-1] == ":":
        index.pop()
    return f"{name}[{', '.join(index)}]"


def _row(
    form: Form, name: str, meaning: str, formula: tuple[str, ...], parts: tuple[Part, ...] = ()
) -> Row:
    axes = [AXES[axis] for axis in formula]
    if form.sizes["D"] == 2:
        halves = {"D*H_out": "feature of h (forward, reverse)"}
        axes = [halves.get(axis, AXES[axis]) for axis in formula]
    return Row(name, form.shape(formula), formula, meaning, tuple(axes), parts)
