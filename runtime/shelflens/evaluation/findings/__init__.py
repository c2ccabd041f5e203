"""What the figures point to: products to photograph, confusion pairs, label errors."""
