"""The public log: checkpoints that the town signs, and proofs against them."""
