"""edgessl: an edge model factory for small backbones."""

__version__ = "0.1.0"
