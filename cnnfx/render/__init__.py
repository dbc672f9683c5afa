"""Feature maps and filters as pictures: normalisation, colour, labels, layout, and the encoders of PNG and the
terminal."""
