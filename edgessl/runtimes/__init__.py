"""Runtimes and converters of devices, in environments and processes of their own."""
