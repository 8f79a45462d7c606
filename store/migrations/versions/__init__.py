"""One module a version, each with its way back."""
