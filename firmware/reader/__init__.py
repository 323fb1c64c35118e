"""From a card in the field to its number."""
