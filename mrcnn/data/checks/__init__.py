"""What can be found wrong with a dataset before training: `dataset.check()`."""
