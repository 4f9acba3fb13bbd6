"""Pages of HTML to look at what a model does: numbers, charts and pictures."""
