"""From files and annotations to batches."""
