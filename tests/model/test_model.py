"""The whole procedure against the reference: random people, acts and outages, the same outcome at the same second."""
