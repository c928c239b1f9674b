"""Mistakes in code around an LSTM: (what it is, where to look)."""

MISTAKES_AROUND_AN_LSTM: dict[str, tuple[str, str]] = {
    # From output and h_n to one vector.
    "last_padded_step": (
        "You take output[:, -1]: for a short row that is padding.",
        "lengths: row n ends at step lengths[n] - 1, and its reverse direction at step 0.",
    ),
    "reverse_at_last_step": (
        "The reverse half is taken at the last valid step, where it has read one token only.",
        "the reverse direction: it has read the whole row at step 0.",
    ),
    "taken_at_first_step": (
        "Both halves are taken at step 0, where the forward direction has read one token only.",
        "the forward direction: it has read the whole row at step lengths[n] - 1.",
    ),
    "forward_at_padded_end": (
        "The forward half is taken at the end of the padded row, not of the row itself.",
        "the forward half: its last valid step is lengths[n] - 1.",
    ),
    "layers_mixed": (
        "You join states of two different layers: h_n[0] belongs to the first layer.",
        "h_n: the last layer's states are h_n[-2] (forward) and h_n[-1] (reverse).",
    ),
    "one_direction_only": (
        "You return one direction only.",
        "h_n[-2] is the forward direction, h_n[-1] the reverse one: join both.",
    ),
    "rows_mixed": (
        "A reshape mixes the rows of the batch: it does not move the batch dimension to the front.",
        "view and reshape: they keep the order of the numbers. Transpose first, or use torch.cat.",
    ),
    # Padding and packing.
    "rows_one_after_another": (
        "Your data holds row after row; a PackedSequence holds step after step.",
        "the two loops: steps outside, rows inside.",
    ),
    "lengths_as_batch_sizes": (
        "Your batch_sizes are the lengths; entry t counts the rows that still run at step t.",
        "batch_sizes: it has one entry a step, not one a row.",
    ),
    "rows_not_sorted": (
        "The rows are packed in the order in which they came; packing wants the longest first.",
        "lengths.sort(descending=True), and the rows taken in that order.",
    ),
    "sorted_ascending": (
        "The rows are sorted with the shortest first; packing wants the longest first.",
        "descending=True.",
    ),
    "indices_inverted": (
        "Your sorted_indices are the way back; the way there was asked for.",
        "sorted_indices[k] is the row of the input that stands at place k: input[sorted_indices].",
    ),
    "rows_left_sorted": (
        "Your results stand in the sorted order, not in the order of the input.",
        "unsorted_indices, or enforce_sorted=False, which puts the rows back for you.",
    ),
    "output_cut_off": (
        "Your output ends with the longest row; the input has more steps.",
        "total_length, an argument of pad_packed_sequence: the number of steps of the input.",
    ),
    "padding_reversed": (
        "Whole rows are reversed, padding and all: a short row now begins with its padding.",
        "the index: step t of a row of length n comes from step n - 1 - t.",
    ),
    "not_reversed": (
        "The rows come back as they were.",
        "the index, and whether its result is what you return.",
    ),
    "reversed_wrong_axis": (
        "Something other than the steps is reversed.",
        "the dimension: (N, L, ...) keeps its steps in dimension 1.",
    ),
    "off_by_one": (
        "Your rows end one step too early or too late.",
        "the comparison with lengths: the valid steps are 0 to lengths[n] - 1.",
    ),
    "padding_as_zero": (
        "Padding takes part as a zero, which wins wherever all valid values are negative.",
        "the fill value: -inf loses against everything.",
    ),
    "max_not_unpacked": (
        "You return what max(dim=...) gives: a pair of values and indices.",
        "x.max(dim=1).values, or x.amax(dim=1).",
    ),
    "pooled_wrong_axis": (
        "The maximum is taken over another dimension than the steps.",
        "the dimension: (N, L, features) keeps its steps in dimension 1.",
    ),
    "mean_taken": (
        "You return the mean of the valid steps, not their maximum.",
        "the reduction.",
    ),
    # Chunks of a long sequence.
    "state_not_carried": (
        "Every chunk starts from zeros; the state of the chunk before is lost.",
        "the second argument of lstm(chunk, state).",
    ),
    "not_detached": (
        "The gradient flows through all chunks: the state is not detached between them.",
        "state = tuple(s.detach() for s in state), before the next chunk.",
    ),
    "one_state_detached": (
        "One of the two states is detached and the other is not.",
        "h and c: the gradient flows through both, so both are detached.",
    ),
    "last_chunk_only": (
        "Only the last chunk's output comes back.",
        "the list that collects the outputs, joined along dimension 0 at the end.",
    ),
    # Counting and initialising.
    "one_bias_vector": (
        "You count one bias vector; torch has two in each layer and direction.",
        "the biases: bias_ih and bias_hh, 4*hidden_size each.",
    ),
    "biases_not_counted": (
        "The biases are not counted.",
        "the biases: bias_ih and bias_hh, 4*hidden_size each, where bias is True.",
    ),
    "bias_always_counted": (
        "Biases are counted although bias is False.",
        "the argument bias.",
    ),
    "direction_not_counted": (
        "One direction is counted; a bidirectional LSTM has two.",
        "the factor D, which is 2 where bidirectional.",
    ),
    "one_layer_counted": (
        "One layer is counted, whatever num_layers says.",
        "the sum over the layers.",
    ),
    "first_input_everywhere": (
        "Every layer is counted as if it read the input.",
        "the layers above the first: they read D*H_out features, the output of the layer below.",
    ),
    "one_direction_feeds": (
        "The upper layers are counted as if one direction fed them.",
        "the layers above the first: they read D*H_out features, both directions side by side.",
    ),
    "projection_not_counted": (
        "proj_size is ignored.",
        "proj_size: h has that many features, so weight_hh shrinks, and weight_hr comes in.",
    ),
    "projection_weight_missing": (
        "weight_hr, the projection itself, is not counted.",
        "weight_hr: (proj_size, hidden_size) in each layer and direction.",
    ),
    "weight_hh_not_projected": (
        "With proj_size, weight_hh is counted with hidden_size columns.",
        "weight_hh: (4*hidden_size, H_out), and H_out is proj_size where that is positive.",
    ),
    "wrong_gate_count": (
        "The number of gates is not four.",
        "the factor: four blocks of hidden_size rows, i, f, g and o.",
    ),
    "forget_bias_two": (
        "Both biases were set to 1, so the forget gate starts with a bias of 2.",
        "the two biases: they are added, so their sum has to be 1.",
    ),
    "forget_bias_leftover": (
        "One bias was set to 1 and the other kept its random values, which are added to it.",
        "the other bias: set its forget block to 0.",
    ),
    "wrong_gate_block": (
        "You set the block of another gate.",
        "the slice: the forget gate is the second block, hidden_size to 2*hidden_size.",
    ),
    "forget_bias_added": (
        "1 was added to the random values; the sum of the two biases is not 1.",
        "set the values: one forget block to 1, the other to 0.",
    ),
    "whole_bias_set": (
        "You changed the biases of all four gates.",
        "the slice: only hidden_size to 2*hidden_size is the forget gate's.",
    ),
    "only_first_layer_set": (
        "Only the first layer was set.",
        "the names: every layer has biases, bias_ih_l0, bias_ih_l1, ...",
    ),
    "only_forward_set": (
        "Only the forward direction was set.",
        "the names: the reverse direction's end in _reverse.",
    ),
    "other_order": (
        "The blocks do not stand in ONNX's order i, o, f, g (which ONNX writes i, o, f, c).",
        "the order of the blocks in the torch.cat.",
    ),
    "order_unchanged": (
        "The rows come back in torch's own order.",
        "the order of the blocks in the torch.cat.",
    ),
    "permutation_inverted": (
        "You went the other way: this is how ONNX's order becomes torch's.",
        "the direction: ONNX wants i, o, f, g, and torch's blocks are i, f, g, o.",
    ),
}
