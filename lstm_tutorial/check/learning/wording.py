"""Why a model does not learn: (what it is, where to look)."""

FAULTS: dict[str, tuple[str, str]] = {
    # The data.
    "input_not_finite": (
        "The inputs contain NaN or infinity.",
        "the data: a missing value, or a feature that was divided by a standard deviation of 0.",
    ),
    "inputs_identical": (
        "All sequences of the batch are the same, so every prediction is the same.",
        "what fills the batch: ids that are all unknown words, a feature that is all zeros.",
    ),
    "targets_constant": (
        "All targets of the batch are the same, so one constant is the best answer.",
        "the labels: an integer division, a wrong column, or a batch with one class only.",
    ),
    "targets_unscaled": (
        "The targets are far from 0, so the output's bias has far to walk before anything else.",
        "the targets: subtract their mean and divide by their standard deviation, and undo it "
        "on the predictions.",
    ),
    # The parameters.
    "uninitialised": (
        "A parameter holds NaN, infinity or huge numbers before the first step.",
        "torch.empty: it returns whatever the memory held. Initialise every parameter.",
    ),
    "units_identical": (
        "All units of a layer start equal and get equal gradients, so they stay copies of one.",
        "the initialisation: weights need random numbers; constants are for biases.",
    ),
    "nothing_trains": (
        "No parameter asks for a gradient.",
        "requires_grad: set to False for every parameter.",
    ),
    # The model.
    "state_not_detached": (
        "The model keeps the state of the last call with its graph, so the second backward pass "
        "enters the first one's.",
        "the state: start from zeros, or detach h and c before you keep them.",
    ),
    "state_carried": (
        "The model answers the same batch differently the second time: it keeps a state.",
        "self.hidden or the like: batches in random order want no state from the one before.",
    ),
    "random_in_eval": (
        "In evaluation mode the answers still depend on the random generator.",
        "functional.dropout: it needs training=self.training. nn.Dropout knows the mode.",
    ),
    "dead_relu": (
        "A ReLU returns 0 for the whole batch: nothing passes it, forward or backward.",
        "the layer before that ReLU: its bias, or a step that was too large.",
    ),
    "input_ignored": (
        "The output does not depend on the input.",
        "forward: which variable reaches the last layer, and from where the state comes.",
    ),
    "batch_and_time_swapped": (
        "The sequences of a batch influence one another: the LSTM reads the batch as time.",
        "batch_first=True in the constructor of the LSTM, or a transpose before it.",
    ),
    "rows_mixed": (
        "The sequences of a batch influence one another.",
        "view and reshape: they keep the order of the numbers and move no axis.",
    ),
    "one_step": (
        "The recurrent layer only ever sees one step, from a state of zeros.",
        "the shape that goes into it: time is an axis of its own, and a loop has to pass the "
        "state on.",
    ),
    "reverse_one_step": (
        "The reverse direction gets a gradient for its first step only.",
        "output[:, -1]: there the reverse direction has read one token. Take h_n[-2] and h_n[-1].",
    ),
    "padding_read": (
        "The answers change with the amount of padding.",
        "the lengths: pack, or call ragged.run, and take the vector at the last valid step.",
    ),
    "saturated": (
        "Most gates are saturated: their input is so large that sigmoid and tanh are flat.",
        "the features: subtract the mean and divide by the standard deviation of the training "
        "part.",
    ),
    "no_gradient": (
        "The loss sends no gradient to some parameters.",
        "detach, no_grad, .data, .item() on the way, and h_n[0], which is the first layer's.",
    ),
    "dropout_too_high": (
        "It learns the batch without dropout, and not with it.",
        "the probability p of dropout: it is the share that is dropped, not the share kept.",
    ),
    # The loss.
    "loss_detached": (
        "The loss has no graph: nothing can be learned from it.",
        "argmax, .item(), .data, .detach() or numpy between the output and the loss.",
    ),
    "loss_not_finite": (
        "The loss is NaN or infinite in the first forward pass.",
        "the first layer that returns NaN; a log or a division by 0 in the loss.",
    ),
    "gradient_not_finite": (
        "The loss is finite and its gradient is not.",
        "sqrt, log or a norm at 0, and torch.where with a branch that is not finite.",
    ),
    "everything_ignored": (
        "Every target is ignore_index, so the mean is 0 divided by 0.",
        "ignore_index and the targets: a class has the number that you ignore.",
    ),
    "class_axis": (
        "CrossEntropyLoss reads the classes on axis 1, and there your output has the steps.",
        "output.transpose(1, 2), or output.flatten(0, 1) with targets.flatten().",
    ),
    "one_class": (
        "CrossEntropyLoss gets one output: a softmax over one class is always 1.",
        "two outputs with class numbers, or one with BCEWithLogitsLoss.",
    ),
    "softmax_twice": (
        "CrossEntropyLoss gets probabilities, and applies softmax to them again.",
        "the last layer: give the loss logits, and apply softmax for reading only.",
    ),
    "sigmoid_twice": (
        "BCEWithLogitsLoss gets probabilities, and applies sigmoid to them again.",
        "the last layer: give the loss logits, and apply sigmoid for reading only.",
    ),
    "nll_without_log": (
        "NLLLoss gets numbers that are no log-probabilities.",
        "log_softmax before NLLLoss, or CrossEntropyLoss on the logits.",
    ),
    "relu_output": (
        "A ReLU comes last, so no logit can be negative.",
        "the last layer: logits need no activation.",
    ),
    "out_of_reach": (
        "Some targets lie outside of what the last activation can return.",
        "the last layer: end in a Linear, or scale the targets.",
    ),
    "labels_out_of_range": (
        "Some labels are outside of the range that the loss expects.",
        "the labels: classes count from 0, and binary labels are 0 and 1.",
    ),
    "broadcast": (
        "Output and targets differ in shape, and broadcasting compares each with every other.",
        "squeeze(1) of the output, or unsqueeze(1) of the targets: the shapes have to be equal.",
    ),
    "padding_in_loss": (
        "The loss counts the padding.",
        "ignore_index, or a mask before the mean.",
    ),
    # None of these.
    "not_learned": (
        "It did not learn the batch, and shows none of the faults that this check knows.",
        "the learning rate (lr=) and the number of steps (steps=), then the inputs: is the answer "
        "in them?",
    ),
}
