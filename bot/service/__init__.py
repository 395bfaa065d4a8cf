"""The one door to jobs for everything that people can type and press."""
