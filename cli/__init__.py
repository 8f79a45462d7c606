"""The verbs of Passerelle on the command line."""
