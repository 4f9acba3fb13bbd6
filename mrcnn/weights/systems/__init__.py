"""How other detectors name and lay out the weights that ours has too."""
