"""The decision on shops that its coefficients were not fitted on."""
