"""Looking images up as a device would, and the figures that come of it."""
