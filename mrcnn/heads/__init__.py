"""From features to predictions: the region proposal, box and mask heads."""
