"""Stores of invented packaged products: no photographs, no licences, any number of them."""
