"""A board of entries, each with a token by which lost and doubled ones can be counted."""
