"""After a backup was restored: getting back from gateways and bins what the books have not seen."""
