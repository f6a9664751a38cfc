"""The second system, for recorded video: trimaps carried through time, alpha from several frames (Sun et al. 2021)."""
