"""ShelfLens beside other libraries, in one run."""
