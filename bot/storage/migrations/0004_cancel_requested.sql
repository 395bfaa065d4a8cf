-- A job that was cancelled says so by its state.
ALTER TABLE job DROP COLUMN cancel_requested;
