"""What `farz doctor` asks, by what it looks at: each check is one finding and mends nothing."""
