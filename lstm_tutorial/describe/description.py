"""``Description``: the result of ``describe``, as values, as text and as HTML."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from lstm_tutorial.describe.tables import Table, as_html, as_text, shape_text


@dataclass(frozen=True)
class Part:
    """A slice of a tensor.

    Attributes:
        expression: code for the slice, such as ``"h_n[2]"``.
        shape: of the slice.
        meaning: its content.
        equals: another expression with the same values, or empty.
    """

    expression: str
    shape: tuple[int, ...]
    meaning: str
    equals: str = ""


@dataclass(frozen=True)
class Row:
    """One tensor.

    Attributes:
        name: as in ``state_dict()`` for a parameter, as in torch's documentation for the others.
        shape: in numbers.
        formula: the shape as a formula for each axis.
        meaning: the tensor's content.
        axes: what each axis counts.
        parts: its slices.
    """

    name: str
    shape: tuple[int, ...]
    formula: tuple[str, ...]
    meaning: str
    axes: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True, repr=False)
class Description:
    """Every shape of an LSTM and of one call of it; prints as text, shows as HTML in a notebook.

    A multiply-add is one multiplication and its addition. The count covers the matrix products of
    one forward pass, ``W_ih x``, ``W_hh h`` and, if ``h`` is projected, ``W_hr (o * tanh(c))``, in
    every layer and direction, for each step of each sequence. Padding steps count if the module
    computes
    them: in a padded batch, but not in a packed one. Not counted: biases, sigmoid and tanh,
    elementwise products, dropout, the backward pass.

    Attributes:
        module: the module's ``repr``.
        sizes: the letters of the formulas, and their values.
        parameters: in the order of ``module.parameters()``; ``parts`` are the gates' rows.
        inputs: the call's arguments, including the optional ``h_0`` and ``c_0``.
        outputs: the call's results; ``parts`` tell which slice is which layer and direction.
        steps: steps that each layer and direction computes, summed over the batch.
        multiply_adds_per_step: over all layers and directions.
        notes: what is easily overlooked in this particular call.
    """

    module: str
    sizes: Mapping[str, int] = field(hash=False)
    parameters: tuple[Row, ...]
    inputs: tuple[Row, ...]
    outputs: tuple[Row, ...]
    steps: int
    multiply_adds_per_step: int
    notes: tuple[str, ...]

    @property
    def total_parameters(self) -> int:
        """Number of weights and biases."""
        return sum(row.count for row in self.parameters)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one forward pass."""
        return self.steps * self.multiply_adds_per_step

    def __str__(self) -> str:
        return as_text(self.module, self._sizes(), self._tables(), self.notes)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(self.module, self._sizes(), self._tables(), self.notes)

    def _sizes(self) -> str:
        return ", ".join(f"{letter} = {value}" for letter, value in self.sizes.items())

    def _tables(self) -> list[Table]:
        rows = [
            (row.name, shape_text(row.shape), shape_text(row.formula), f"{row.count:,}", _what(row))
            for row in self.parameters
        ]
        return [
            Table("Parameters", (*HEADER, "count", "what it holds"), rows, self._below()),
            Table("Input", (*HEADER, "what it holds"), _tensor_rows(self.inputs)),
            Table("Output", (*HEADER, "what it holds"), _tensor_rows(self.outputs)),
            Table("Slices", ("slice", "shape", "what it holds"), _part_rows(self.outputs)),
            Table("Cost", ("what", "count", "how it is counted"), self._costs()),
        ]

    def _below(self) -> str:
        gates = self.parameters[0].parts
        rows = [f"{part.expression.partition('[')[2][:-1]} {part.meaning}" for part in gates]
        names = "weight_ih, weight_hh, bias_ih and bias_hh"
        if not any(row.name.startswith("bias") for row in self.parameters):
            names = "weight_ih and weight_hh"
        return f"Rows of every {names}: {', '.join(rows)}."

    def _costs(self) -> list[tuple[str, ...]]:
        step = "W_ih x and W_hh h"
        if any(row.name.startswith("weight_hr") for row in self.parameters):
            step = "W_ih x, W_hh h and W_hr (o * tanh(c))"
        step = f"{step}, all layers and directions; no biases, no elementwise work"
        total = f"{self.steps:,} steps, one forward pass"
        return [
            ("parameters", f"{self.total_parameters:,}", "weights and biases"),
            ("multiply-adds a step", f"{self.multiply_adds_per_step:,}", step),
            ("multiply-adds", f"{self.multiply_adds:,}", total),
        ]


HEADER = ("name", "shape", "formula")


def _what(row: Row) -> str:
    return f"{row.meaning}\naxes: {', '.join(row.axes)}" if row.axes else row.meaning


def _tensor_rows(rows: tuple[Row, ...]) -> list[tuple[str, ...]]:
    return [(row.name, shape_text(row.shape), shape_text(row.formula), _what(row)) for row in rows]


def _part_rows(rows: tuple[Row, ...]) -> list[tuple[str, ...]]:
    return [
        (part.expression, shape_text(part.shape), _what_part(part))
        for row in rows
        for part in row.parts
    ]


def _what_part(part: Part) -> str:
    return f"{part.meaning} = {part.equals}" if part.equals else part.meaning
