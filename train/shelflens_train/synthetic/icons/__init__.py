"""Icons: what a flavour looks like, by name."""
