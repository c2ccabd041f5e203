"""Similar products, recommendations, tags and confirmed photos, on Grocery."""
