"""Keras layers that are not convolutions. They take plain numbers, never a Config."""
