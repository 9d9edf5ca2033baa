"""Several processes that train together: who they are, and what they tell each other.

Importing this imports no torch. What works on tensors is in ``collectives`` and ``batchnorm``.
"""

from edgessl.distributed.world import ALONE, World, world_of_environment

__all__ = ["ALONE", "World", "world_of_environment"]
