"""Feature maps and filters as pictures: normalization, color, labels, layout, and the encoders of PNG and the
terminal."""
