"""From scores of labelled images to probabilities."""
