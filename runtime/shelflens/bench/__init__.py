"""`shelflens bench`: how fast a photo becomes an answer here, and what to choose."""
