"""Notes on what is easily overlooked in a call that raises no error."""

from lstm_tutorial.describe.form import Form


def notes_on(form: Form, lengths: list[int] | None) -> tuple[str, ...]:
    """Collect notes that torch does not give; lengths are those of a batch to be packed."""
    notes = [_on_layout(form)]
    if lengths is not None:
        notes += _on_packing(form, lengths)
    if form.kind == "packed" and form.is_sorted:
        notes.append("input.sorted_indices and unsorted_indices are None: it was packed in order.")
    if form.kind != "unbatched" and form.module.batch_first:
        notes.append("batch_first=True does not turn h_0, c_0, h_n and c_n: N is their axis 1.")
    if form.module.proj_size > 0:
        notes.append("proj_size narrows h, and so output; c keeps hidden_size features.")
    return tuple(note for note in notes if note)


def _on_layout(form: Form) -> str:
    length = form.sizes.get("L")
    if form.kind == "unbatched":
        return (
            f"A 2-D input is one sequence, here of {length} steps, whatever batch_first is. "
            f"If it is a batch of {length} sequences of one step, add the time axis: "
            f"input.unsqueeze({1 if form.module.batch_first else 0})."
        )
    if form.kind == "packed":
        return ""
    n = form.sizes["N"]
    flag, turned = form.module.batch_first, not form.module.batch_first
    return (
        f"batch_first={flag} reads the input as {n} sequences of {length} steps. torch can't tell "
        f"whether the two are swapped: if they are, use input.transpose(0, 1) or "
        f"batch_first={turned}."
    )


def _on_packing(form: Form, lengths: list[int]) -> list[str]:
    notes = []
    if lengths != sorted(lengths, reverse=True):
        notes.append(
            "The lengths are not in decreasing order: "
            "pack_padded_sequence needs enforce_sorted=False."
        )
    length, longest = form.sizes["L"], form.sizes["max(lengths)"]
    padded = form.sizes["N"] * length
    if longest < length:
        notes.append(
            f"padded has {longest} steps and the input {length}: "
            f"pad_packed_sequence keeps {length} with total_length={length}."
        )
    if padded > form.steps:
        notes.append(
            f"Packing leaves out {padded - form.steps:,} of {padded:,} steps, which are padding."
        )
    return notes
