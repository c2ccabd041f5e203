"""Who made a file, and whether it is newer than the one before: signatures, checked offline."""
