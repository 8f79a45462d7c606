"""The procedures: durable, deterministic, and the only owners of a case's live state."""
