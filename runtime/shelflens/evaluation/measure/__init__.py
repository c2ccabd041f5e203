"""Every query answered as the device would, and the figures that follow from the answers."""
