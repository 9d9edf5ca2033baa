"""A study of a paper: its numbers beside ours, as a page and as tables."""
