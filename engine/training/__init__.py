"""How the bundled starter model came about: scenes drawn by code, the training from nothing, and the checker."""
