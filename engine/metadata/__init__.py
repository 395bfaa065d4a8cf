"""What a picture says about itself, in its file."""
