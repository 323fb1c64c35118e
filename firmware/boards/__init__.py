"""What the bin is wired to: the real board, and a simulated one that answers bit by bit."""
