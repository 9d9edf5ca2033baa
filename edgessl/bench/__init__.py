"""Latency through onnxruntime, in a process of its own that never imports torch."""
