"""How well a catalog does on labelled images, and what to do next."""
