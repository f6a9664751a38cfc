"""Many workers behind gateways: who takes a session, who has it, and what happens when one is gone."""
