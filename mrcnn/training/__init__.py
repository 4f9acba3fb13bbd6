"""From a network and batches to trained weights."""
