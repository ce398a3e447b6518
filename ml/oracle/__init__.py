"""The oracle: what could be known of who leaves a synthetic marketplace, so that a model has a best to be held to."""
