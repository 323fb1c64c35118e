"""Paper: what was written down while nothing else worked, and is entered with two signatures."""
