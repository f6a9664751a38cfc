"""`rimlight bench gpu`: rimlight and RVM on one GPU, timed by the GPU's own clock, in turn."""
