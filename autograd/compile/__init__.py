"""Scalar programs recorded once and run at machine speed: ``compile``."""
