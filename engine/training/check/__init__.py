"""What is measured of the starter: shapes and places in pixels, letters read, things recognised."""
