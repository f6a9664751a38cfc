"""Data sets in their published layouts: finding, reading, checking, splitting and packing them."""
