"""From scores of labelled images to thresholds and a confidence."""
