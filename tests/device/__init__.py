"""ShelfLens on other processors: a Debian userland of each, what is run there, and the table."""
