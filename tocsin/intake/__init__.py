"""The way in to the stream: handing mentions over, and what becomes of those that cannot be taken."""
