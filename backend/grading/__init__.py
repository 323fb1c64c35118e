"""How clean what a bin or a point brings is: inspections, each from a moment on."""
