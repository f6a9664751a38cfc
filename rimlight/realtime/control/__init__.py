"""Control of a running live stream by other programs of the same user: what can be changed, a server, a client."""
