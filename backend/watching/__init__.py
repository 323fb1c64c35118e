"""Whether the backend is well: for load balancers, for Prometheus, and in its log."""
