"""Fine-tuning: how a classifier starts, trains, and which of its states is kept."""
