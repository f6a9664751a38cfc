"""Training of the studio's networks, in the same trainer as the live network's."""
