"""Reading what a shop has: spreadsheets as text, and folders of photos."""
