"""The way in to the stream: mentions are handed over; a mention that cannot be taken becomes a dead letter."""
