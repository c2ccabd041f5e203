"""How long, how much memory, how many instructions."""
