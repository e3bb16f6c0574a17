"""Neurons, layers and networks on scalar Values."""
