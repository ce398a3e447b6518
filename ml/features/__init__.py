"""58 numbers for each tutor, as of one instant: what they mean, how they are read and where they are kept."""
