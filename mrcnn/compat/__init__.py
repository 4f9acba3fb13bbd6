"""Old names whose signature differs from ours, a few lines each."""
