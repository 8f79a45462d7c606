"""Pages and API: institutions, coordinators, auditors, machines."""
