"""Checkpoints of other models: other names, more or fewer tensors, one direction for two."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from lstm_tutorial.convert.states import State


def renamed(state: Mapping[str, Tensor], prefixes: Mapping[str, str]) -> State:
    """Replace the beginnings of a checkpoint's names.

    ``DataParallel`` and ``DistributedDataParallel`` put ``module.`` before every name, and
    ``torch.compile`` ``_orig_mod.``: ``renamed(state, {"module.": ""})``.

    Args:
        state: a state_dict.
        prefixes: the new beginning for each old one; of several that fit, the longest counts.

    Returns:
        A new dict; other names are as they were.

    Raises:
        ValueError: if no name begins with one of the prefixes, or two names would become one.
    """
    unused = [old for old in prefixes if not any(name.startswith(old) for name in state)]
    if unused:
        some = ", ".join(list(state)[:3])
        raise ValueError(f"expected names that begin with {unused[0]!r}, got {some}, ...")
    found: State = {}
    for name, tensor in state.items():
        old = max((p for p in prefixes if name.startswith(p)), key=len, default="")
        new = prefixes.get(old, "") + name.removeprefix(old)
        if new in found:
            raise ValueError(f"expected different names, got {new} twice: make the prefixes longer")
        found[new] = tensor
    return found


def load(
    module: nn.Module,
    state: Mapping[str, Tensor],
    missing: Sequence[str] = (),
    unexpected: Sequence[str] = (),
) -> None:
    """Load a checkpoint that fits but for the names that you declare, or change nothing.

    ``module.load_state_dict(state, strict=False)`` ignores every name that does not fit, a misspelt
    one as well, and where a shape is wrong it raises after the other tensors have been copied.

    Args:
        module: changed in place.
        state: a state_dict.
        missing: beginnings of the module's names that the checkpoint need not have, such as those
            of a new last layer; these parameters stay as they are.
        unexpected: beginnings of the checkpoint's names that are left out.

    Raises:
        ValueError: if another name is missing or left over, or a shape is wrong.
    """
    own = module.state_dict()
    kept = {k: v for k, v in state.items() if k in own or not k.startswith(tuple(unexpected))}
    lacking = [k for k in own if k not in kept and not k.startswith(tuple(missing))]
    extra = [k for k in kept if k not in own]
    shapes = [
        f"{k} is {tuple(v.shape)}, not {tuple(own[k].shape)}"
        for k, v in kept.items()
        if k in own and v.shape != own[k].shape
    ]
    found = {"missing": lacking, "unexpected": extra, "wrong shape": shapes}
    if any(found.values()):
        told = "; ".join(f"{what}: {', '.join(names)}" for what, names in found.items() if names)
        raise ValueError(
            f"expected a checkpoint of this module, got {told}. Change names with "
            f"convert.renamed, or declare what may be missing or unexpected"
        )
    module.load_state_dict(kept, strict=False)


@torch.no_grad()
def into_bidirectional(one: Mapping[str, Tensor], both: Mapping[str, Tensor]) -> State:
    """Copy a unidirectional LSTM's weights into the forward direction of a bidirectional one.

    In the layers above the first, the columns that read the reverse half become 0, so that the
    forward half of the output is what the unidirectional LSTM returns.

    Args:
        one: state_dict of an ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN`` of one direction.
        both: state_dict of the same with ``bidirectional=True``; its reverse weights are kept.

    Returns:
        A new state_dict for the bidirectional module.

    Raises:
        ValueError: if the two differ in more than ``bidirectional``.
    """
    forward = {name: tensor for name, tensor in both.items() if not name.endswith("_reverse")}
    if one.keys() != forward.keys() or len(both) != 2 * len(one):
        odd = ", ".join(sorted(one.keys() ^ forward.keys())) or "no reverse direction"
        raise ValueError(f"expected the same layers in one and two directions, got {odd}")
    found = {name: tensor.clone() for name, tensor in both.items()}
    for name, tensor in one.items():
        upper = name.startswith("weight_ih") and not name.startswith("weight_ih_l0")
        wanted = (*tensor.shape[:-1], tensor.shape[-1] * (1 + upper))
        if found[name].shape != wanted:
            came = tuple(found[name].shape)
            raise ValueError(f"expected {name} of two directions to be {wanted}, got {came}")
        found[name].zero_()[..., : tensor.shape[-1]] = tensor
    return found
