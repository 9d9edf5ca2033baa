"""An int8 file of a network: calibrated on training images, chosen on ``val``, proven by gates."""
