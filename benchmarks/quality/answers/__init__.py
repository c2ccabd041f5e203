"""Match, ambiguous or unknown: what one calibrated answer is worth, on Grocery."""
