"""Pictures for people: contact sheets, charts, thumbnails."""
