"""Every mistake that the checks recognise: a sentence that names it, and where to look."""

_TABLE: dict[str, tuple[str, str]] = {
    # What your code hands back.
    "nothing_returned": (
        "Your code returns None.",
        "the end of your function: the return line may be missing, or stand in one branch only.",
    ),
    "return_form": (
        "Your code returns its results in another form than the one that was asked for.",
        "the return line, and the form that the check's documentation gives.",
    ),
    "wrong_dtype": (
        "Your code turns float64 into another type on the way.",
        "tensors that you create yourself: x.new_zeros(...) takes over the type of x.",
    ),
    "not_finite": (
        "Your numbers contain nan or inf where torch's do not.",
        "divisions by zero, logarithms of zero, and -inf that meets a sum.",
    ),
    "gradient_missing": (
        "The numbers are right, and no gradient flows back from them.",
        ".detach(), .data, .item(), .numpy(), torch.tensor(...) and torch.no_grad() cut the graph.",
    ),
    "gradient_wrong": (
        "The numbers are right, and their gradients are not.",
        ".detach(), .data, .item(), .numpy(), torch.tensor(...) and torch.no_grad() on the way.",
    ),
    "state_kept": (
        "Called twice with the same input, your module gives two answers: it keeps a state.",
        "what forward stores in self; where no states are given, each call starts from zeros.",
    ),
    "random": (
        "Your module draws random numbers, so the same input gives another answer each time.",
        "initial states from randn or rand, where zeros belong; and dropout: its rate is the "
        "argument's, and it acts in training only.",
    ),
    "changed_in_place": (
        "Your code changes a tensor that it was given, or that the gradient needs, in place.",
        "*=, +=, x[...] = and names ending in _: make a new tensor, as in c = f * c + i * g.",
    ),
    "parameter_names": (
        "Your parameters have other names or shapes than torch's, so its weights do not load.",
        "the names in your constructor; print(dict(module.named_parameters()).keys()) lists them.",
    ),
    "weights_transposed": (
        "Your weights have torch's shapes the wrong way round: it keeps (4*hidden_size, features).",
        "the shapes in your constructor; F.linear(x, weight) multiplies by the transpose for you.",
    ),
    "not_parameters": (
        "Your weights are plain tensors: an optimizer would not find them.",
        "the constructor: wrap each one in nn.Parameter(...).",
    ),
    # One time step.
    "gate_order": (
        "The four gates are cut out in another order than torch's i, f, g, o.",
        "the line that cuts the 4*hidden_size rows into four, and the names on its left.",
    ),
    "input_forget_swapped": (
        "The input gate and the forget gate have changed places.",
        "c = f * c + i * g: f multiplies the old cell state, and i is cut out before f.",
    ),
    "gates_interleaved": (
        "Every fourth row is taken for a gate; torch keeps each gate's rows in one block.",
        "a reshape to (..., hidden_size, 4): torch's layout is (..., 4, hidden_size).",
    ),
    "cut_along_features": (
        "The weight is cut along its columns; the four gates are four blocks of rows.",
        "the dimension of chunk or split: weight[a:b] takes rows, weight[:, a:b] columns.",
    ),
    "bias_missing": (
        "Neither bias is added.",
        "the preactivation: W_ih x + b_ih + W_hh h + b_hh.",
    ),
    "bias_ih_missing": (
        "bias_ih is not added.",
        "the preactivation: torch adds two biases, b_ih and b_hh.",
    ),
    "bias_hh_missing": (
        "bias_hh is not added.",
        "the preactivation: torch adds two biases, b_ih and b_hh.",
    ),
    "bias_doubled": (
        "A bias is added twice.",
        "the preactivation: b_ih once, with the input, and b_hh once, with the state.",
    ),
    "hidden_ignored": (
        "The previous h plays no part: W_hh h is not added.",
        "the preactivation: W_ih x + b_ih + W_hh h + b_hh.",
    ),
    "tanh_missing_on_g": (
        "The candidate g is not passed through tanh.",
        "g = tanh(a_g), the third of the four blocks.",
    ),
    "sigmoid_on_g": (
        "The candidate g goes through a sigmoid; torch uses tanh.",
        "g = tanh(a_g): of the four blocks it alone may be negative.",
    ),
    "tanh_missing_on_c": (
        "The new c is not passed through tanh on its way into h.",
        "h = o * tanh(c).",
    ),
    "sigmoid_on_c": (
        "The new c goes through a sigmoid on its way into h; torch uses tanh.",
        "h = o * tanh(c).",
    ),
    "sigmoid_missing": (
        "A gate is not passed through the sigmoid.",
        "the activations: i, f and o are sigmoids, so that they lie between 0 and 1.",
    ),
    "tanh_on_gate": (
        "A gate goes through tanh; torch uses the sigmoid.",
        "the activations: i, f and o are sigmoids, g alone is a tanh.",
    ),
    "memory_dropped": (
        "The old cell state is lost: c = i * g.",
        "c = f * c + i * g, with the c of the step before.",
    ),
    "forget_gate_missing": (
        "The forget gate is not used: c = c + i * g.",
        "c = f * c + i * g.",
    ),
    "input_gate_missing": (
        "The input gate is not used: c = f * c + g.",
        "c = f * c + i * g.",
    ),
    "output_gate_missing": (
        "The output gate is not used: h = tanh(c).",
        "h = o * tanh(c).",
    ),
    "old_c_in_h": (
        "h is made from the old cell state; torch takes the new one.",
        "the order of the last two lines: first c, then h = o * tanh(c).",
    ),
    "gates_coupled": (
        "One gate is computed from the other; torch keeps input and forget gate independent.",
        "f and i: each is a sigmoid of its own block.",
    ),
    "coupled_reversed": (
        "The gates are coupled the wrong way round: c = (1 - f) * c + f * g.",
        "c = f * c + (1 - f) * g: what is not kept is written.",
    ),
    "peephole_missing": (
        "A gate does not see the cell state.",
        "the preactivations: each of a_i, a_f and a_o gets its row of peephole times c.",
    ),
    "peephole_old_c": (
        "The output gate sees the old cell state; with peepholes it sees the new one.",
        "the order: i and f from the old c, then the new c, then o.",
    ),
    "peephole_sees_h": (
        "The peepholes are multiplied with h; they see c.",
        "the products with peephole.",
    ),
    "peephole_order": (
        "The rows of peephole are taken in another order than i, f, o.",
        "the line that unpacks peephole.",
    ),
    "norm_missing": (
        "A norm is missing.",
        "the three norms: of x @ weight_ih.T, of h @ weight_hh.T, and of c on its way to h.",
    ),
    "norm_of_sum": (
        "One norm is taken of the sum; the input's and the recurrent share have one each.",
        "LN(x @ weight_ih.T) + LN(h @ weight_hh.T), each with its gain.",
    ),
    "norm_per_gate": (
        "Each gate is normalised by itself; the norm is over all 4*hidden_size numbers of a row.",
        "the shape that the norm is taken over: before the chunk into gates.",
    ),
    "norm_bias_inside": (
        "The biases are added before the norms; they belong after them.",
        "LN(x @ weight_ih.T) * gain_ih + bias_ih, and the same for h.",
    ),
    "norm_c_carried": (
        "You return the normalised cell state; only h gets it, and c itself goes on.",
        "the return line: c as it was before its norm.",
    ),
    "c_squashed": (
        "You return tanh(c) as the new cell state; torch returns c itself.",
        "h = o * tanh(c), with c left as it is.",
    ),
    "states_returned_swapped": (
        "The states come back as (c, h); torch returns (h, c).",
        "the return line.",
    ),
    "states_input_swapped": (
        "The states are taken as (c, h); torch hands them over as (h, c).",
        "the line that unpacks hx: h, c = hx.",
    ),
    "states_detached": (
        "The numbers are right, and the gradient is cut: the state is detached between steps.",
        ".detach(), .data or torch.no_grad() around the state.",
    ),
    "state_returned_detached": (
        "The numbers are right, and no gradient flows back from one of the states you return.",
        "the return line, and .detach(), .data or torch.no_grad() above it.",
    ),
    # Layers, directions, layouts.
    "directions_swapped": (
        "The two directions have changed places: torch puts the forward half first.",
        "the torch.cat that joins the two directions.",
    ),
    "direction_weights_swapped": (
        "The forward direction uses the weights with _reverse, and the reverse one those without.",
        "which weights each direction gets.",
    ),
    "reverse_weights_reused": (
        "The reverse direction uses the forward direction's weights.",
        "the suffix: the reverse direction has weights of its own, with _reverse at the end.",
    ),
    "reverse_not_flipped_back": (
        "The reverse direction's outputs stand in the order in which it read.",
        "the join: flip the reverse outputs back, so that both halves of a row are the same step.",
    ),
    "reverse_not_reversed": (
        "The second direction reads forwards, too.",
        "the second direction's input: it begins at the last step.",
    ),
    "h_n_reverse_last_step": (
        "The reverse half of h_n is its output at the last step, where it has read one step only.",
        "h_n: the reverse direction ends at step 0.",
    ),
    "h_n_wrong_layer": (
        "You take the states of one layer only, and they are wanted from elsewhere.",
        "h_n: it holds (D*num_layers, N, H_out), layer after layer, the last layer at the end.",
    ),
    "h_n_layers_reversed": (
        "h_n holds the layers from last to first; torch begins with layer 0.",
        "the order in which you stack the final states.",
    ),
    "h_n_directions_first": (
        "h_n holds all forward states, then all reverse ones; torch goes layer by layer.",
        "the order of stacking: l0, l0_reverse, l1, l1_reverse.",
    ),
    "first_layer_output": (
        "The output is that of the first layer; torch returns the last layer's.",
        "what your loop over the layers keeps: each layer's output replaces the one before.",
    ),
    "layer_weights_reused": (
        "A layer uses the weights of another.",
        "the suffix _l0, _l1, ... inside your loop over the layers.",
    ),
    "hx_ignored": (
        "The initial states that are passed in are ignored.",
        "zeros belong there only where hx is None.",
    ),
    "hx_first_layer_only": (
        "Every layer starts from the first layer's initial state.",
        "h_0[k] and c_0[k]: k counts layers and directions, k = layer * D + direction.",
    ),
    "state_carried_between_layers": (
        "A layer starts from the state in which the one before it ended.",
        "h and c: they are set anew before each layer and direction.",
    ),
    "dropout_after_last": (
        "Dropout is applied after the last layer, too; torch leaves that one alone.",
        "the dropout line: only where layer < num_layers - 1.",
    ),
    "dropout_missing": (
        "There is no dropout between the layers.",
        "the loop over the layers: dropout acts on the output of each layer but the last.",
    ),
    "dropout_in_eval": (
        "Dropout stays on after module.eval().",
        "F.dropout(x, p, self.training): without the third argument it is always on.",
    ),
    "dropout_on_input": (
        "Dropout is applied to the input; torch applies it between layers only.",
        "where dropout stands in your loop over the layers.",
    ),
    "batch_first_ignored": (
        "batch_first=True changes nothing: your code walks along the batch as if it were time.",
        "the first line of forward: input.transpose(0, 1) where batch_first.",
    ),
    "batch_first_always": (
        "The input is read as (N, L, ...) although batch_first is False.",
        "the layout: without batch_first it is (L, N, ...).",
    ),
    "output_not_batch_first": (
        "With batch_first=True the output has to be (N, L, ...), and yours is (L, N, ...).",
        "the last line of forward: transpose back what was transposed at the start.",
    ),
    "h_n_batch_first": (
        "Your h_n is batch-first; torch keeps (D*num_layers, N, H_out) even with batch_first=True.",
        "batch_first: it concerns input and output, never h_n, c_n or hx.",
    ),
    "padding_not_ignored": (
        "The padding is not ignored: it changes your results.",
        "lengths: what stands behind a row's own length must make no difference.",
    ),
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

MISTAKES: dict[str, str] = {mistake: sentence for mistake, (sentence, _) in _TABLE.items()}
LOOK_AT: dict[str, str] = {mistake: hint for mistake, (_, hint) in _TABLE.items()}
