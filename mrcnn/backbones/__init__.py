"""From the image to C1..C5, and from there to the pyramid P2..P6."""
