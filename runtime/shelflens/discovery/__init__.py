"""Similar products, filters, tags, and recommendations from what a customer did."""
