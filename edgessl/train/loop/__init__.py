"""The loop: steps of one stage, one record each."""
