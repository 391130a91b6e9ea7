"""Recorded history: files of mentions as somebody else wrote them, read by a mapping of their columns to fields."""
