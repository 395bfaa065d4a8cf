"""Who is painted when, by which engine, and what happens where one is lost."""
