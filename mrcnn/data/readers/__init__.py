"""One annotation format a file, each a Dataset."""
