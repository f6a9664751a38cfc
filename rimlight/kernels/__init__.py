"""Compiled loops over pixels (numba); called through rimlight.pixels and rimlight.compose."""
