"""Arrays to pictures: color scales, grids of feature maps and filters, charts, PNG, animations, terminal and pages."""
