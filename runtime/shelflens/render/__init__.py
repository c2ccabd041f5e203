"""Images for people: contact sheets, charts, thumbnails."""
