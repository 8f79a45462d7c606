"""The pages an institution answers a step on."""
