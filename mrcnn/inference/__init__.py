"""From a network and images to instances."""
