"""Clips made from people, scenes and backdrops: motion, placement, colour and the camera's faults."""
