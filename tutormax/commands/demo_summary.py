"""What the demo shows at its end."""
