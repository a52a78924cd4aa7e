"""From rows to an adapter: tokens, packs, the quantized base, the training loop, curves."""
