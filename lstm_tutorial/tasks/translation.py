"""Sequence to sequence: a bidirectional LSTM encoder and an LSTM decoder with attention."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lstm_tutorial.tasks.dates import PAD, batches, collate_pairs, text_of
from lstm_tutorial.tasks.search import State, Step, greedy_search


def join_directions(states: Tensor) -> Tensor:
    """Join the two directions of each layer of a bidirectional encoder.

    Args:
        states: float (2*num_layers, N, H), ``h_n`` or ``c_n``.

    Returns:
        float (num_layers, N, 2*H), forward half first: the initial state of a decoder with
        as many layers and twice the units.

    Raises:
        ValueError: if the first dimension is odd.
    """
    if len(states) % 2:
        raise ValueError(
            f"expected two rows per layer, got {len(states)} rows: "
            "pass h_n or c_n of a bidirectional LSTM"
        )
    return torch.cat([states[0::2], states[1::2]], dim=-1)


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the last axis, with weight 0 where the mask is False.

    The masked scores become the smallest finite number of their dtype, so a row without any
    valid position gets equal weights and finite gradients, where -inf would make NaN.

    Args:
        scores: float (..., L).
        mask: bool, broadcastable to ``scores``; True where attention is allowed.

    Returns:
        float (..., L); every row sums to 1.
    """
    return scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)


class Translator(nn.Module):
    """Bidirectional LSTM encoder, LSTM decoder and multiplicative attention.

    The scores are the "general" ones of Luong et al. (2015, section 3.1), computed after the
    decoder's LSTM, so that teacher forcing needs one call for all steps.

    Args:
        source_size: number of source ids, ``PAD`` included.
        target_size: number of target ids.
        embedding_dim: of both embeddings.
        hidden_size: units per direction of the encoder; the decoder has twice as many.
        num_layers: of encoder and decoder.
    """

    def __init__(
        self,
        source_size: int,
        target_size: int,
        embedding_dim: int = 32,
        hidden_size: int = 48,
        num_layers: int = 2,
    ) -> None:
        super().__init__()
        wide = 2 * hidden_size
        self.source_embedding = nn.Embedding(source_size, embedding_dim, padding_idx=PAD)
        self.target_embedding = nn.Embedding(target_size, embedding_dim, padding_idx=PAD)
        self.encoder = nn.LSTM(
            embedding_dim, hidden_size, num_layers, batch_first=True, bidirectional=True
        )
        self.decoder = nn.LSTM(embedding_dim, wide, num_layers, batch_first=True)
        self.key = nn.Linear(wide, wide, bias=False)
        self.combine = nn.Linear(2 * wide, wide)
        self.classes = nn.Linear(wide, target_size)

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, State]:
        """Read the sources up to their lengths.

        Args:
            source: int64 (N, L_source).
            lengths: int64 (N,), on the CPU, each at least 1.

        Returns:
            Memory, float (N, L_source, 2*hidden_size); mask, bool (N, L_source), True for words;
            the decoder's initial state, each (num_layers, N, 2*hidden_size).
        """
        packed = pack_padded_sequence(
            self.source_embedding(source), lengths, batch_first=True, enforce_sorted=False
        )
        output, (h_n, c_n) = self.encoder(packed)
        memory, _ = pad_packed_sequence(output, batch_first=True, total_length=source.size(1))
        mask = torch.arange(source.size(1)) < lengths[:, None]
        return memory, mask.to(source.device), (join_directions(h_n), join_directions(c_n))

    def decode(
        self, inputs: Tensor, state: State, memory: Tensor, mask: Tensor
    ) -> tuple[Tensor, State, Tensor]:
        """Take one or more steps of the decoder.

        Args:
            inputs: int64 (N, L_target), the token before each answer.
            state: as ``encode`` or an earlier call returned it.
            memory: as ``encode`` returned it.
            mask: as ``encode`` returned it.

        Returns:
            Logits, float (N, L_target, target_size); the state after the last step; the
            attention weights, float (N, L_target, L_source).
        """
        output, state = self.decoder(self.target_embedding(inputs), state)
        scores = output @ self.key(memory).transpose(1, 2)  # (N, L_target, L_source)
        weights = masked_softmax(scores, mask[:, None])
        attended = torch.cat([output, weights @ memory], dim=-1)
        return self.classes(self.combine(attended).tanh()), state, weights

    def forward(self, source: Tensor, lengths: Tensor, inputs: Tensor) -> Tensor:
        """Compute the logits under teacher forcing, float (N, L_target, target_size)."""
        memory, mask, state = self.encode(source, lengths)
        return self.decode(inputs, state, memory, mask)[0]

    def stepper(self, source: Tensor, lengths: Tensor, width: int = 1) -> tuple[Step, State]:
        """Prepare a search: a function for one step, and the state before the first.

        Each source is repeated ``width`` times, one row after the other.
        """
        memory, mask, state = self.encode(source, lengths)
        memory, mask = (x.repeat_interleave(width, dim=0) for x in (memory, mask))

        def step(tokens: Tensor, state: State) -> tuple[Tensor, State]:
            logits, state, _ = self.decode(tokens[:, None], state, memory, mask)
            return logits[:, 0].log_softmax(-1), state

        h, c = (x.repeat_interleave(width, dim=1) for x in state)
        return step, (h, c)


def fit(
    model: nn.Module,
    pairs: Sequence[tuple[str, str]],
    epochs: int,
    lr: float = 6e-3,
    batch_size: int = 64,
    seed: int = 0,
) -> list[float]:
    """Train with teacher forcing and a falling learning rate; return each epoch's mean loss."""
    optimizer = torch.optim.Adam(model.parameters(), lr)
    steps = epochs * -(-len(pairs) // batch_size)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, total_iters=steps)
    model.train()
    losses = []
    for epoch in range(epochs):
        values = []
        for batch in batches(pairs, batch_size, seed + epoch):
            logits = model(batch.source, batch.lengths, batch.inputs)
            loss = F.cross_entropy(logits.mT, batch.targets, ignore_index=PAD)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            values.append(loss.item())
        losses.append(sum(values) / len(values))
    return losses


@torch.no_grad()
def exact_match(model: Translator, pairs: Sequence[tuple[str, str]], extra: int = 0) -> float:
    """Measure the share of pairs whose greedy answer is right in every character.

    Args:
        model: is set to evaluation mode.
        pairs: of the grammar, read as one batch.
        extra: more columns of ``PAD`` behind the sources, which should change nothing.
    """
    model.eval()
    batch = collate_pairs(pairs)
    source = F.pad(batch.source, (0, extra), value=PAD)
    answers = greedy_search(*model.stepper(source, batch.lengths), max_length=12)
    right = [text_of(ids) == digits for ids, (_, digits) in zip(answers, pairs, strict=True)]
    return sum(right) / len(right)
