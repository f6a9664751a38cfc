"""Trimap-guided matting of recorded video: a person marks a few frames, the rest follows (Sun et al., CVPR 2021)."""
