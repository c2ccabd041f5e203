"""Where products are in a picture: regions, the crop of each, and one answer per region."""
