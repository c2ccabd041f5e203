"""From a trained run to files that devices run: quantize, convert, check, report."""
