"""Words and rules of the domain: values and pure functions, without clock, input or output."""
