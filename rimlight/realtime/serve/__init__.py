"""The WebRTC service: many people's videos through one engine, in and out over the network."""
