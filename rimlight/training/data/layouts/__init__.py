"""One file per published folder layout: find(root) lists what lies there as items, without reading pictures."""
