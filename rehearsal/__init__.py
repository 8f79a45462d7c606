"""Plays a scenario through the real procedure on skipped time."""
