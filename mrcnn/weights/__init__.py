"""Between files and layers."""
