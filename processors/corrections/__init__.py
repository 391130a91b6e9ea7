"""What people correct: labels of single mentions, and the small models that are learnt from them, a monitor each."""
