"""Every fault that the doctor knows is planted for real, and found with its remedy."""
