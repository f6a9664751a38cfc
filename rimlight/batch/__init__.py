"""Many files, matted by many processes here or on a cluster, so that a broken run goes on where it was.

What is written depends on each video and the options alone, never on how many workers there were or which of them did
what: a video is split by its own keyframes, and threads and batch, which last bits depend on, are options.
"""
