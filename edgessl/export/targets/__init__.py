"""The formats of devices, a file each: how a network gets there, and what is asked of it."""
