"""Changed content as patches: what they are against, how they are made, and where they are kept."""
