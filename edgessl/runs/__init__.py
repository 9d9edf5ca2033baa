"""What a run writes to disk, and reads back."""
