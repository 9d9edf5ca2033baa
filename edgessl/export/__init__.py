"""From a checkpoint's network to a file for a device, and the gates that prove it."""
