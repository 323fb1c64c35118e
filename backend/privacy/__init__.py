"""What is kept of people: for what, how long, how they get it all, and how it is erased."""
