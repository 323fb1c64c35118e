"""Who may do what: staff, residents and gateways, their secrets and their sign-ins."""
