"""The front door: the `farz` command, the only room that may know every other room."""
