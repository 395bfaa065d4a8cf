"""The message of a job: kept up to date while it is painted, and posted exactly once."""
