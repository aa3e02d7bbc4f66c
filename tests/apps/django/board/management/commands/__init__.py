"""Commands for schedules and workers."""
