"""From instances and ground truth to numbers."""
