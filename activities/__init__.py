"""Activities: what touches the world during a case, one module per kind."""
