"""Job engines side by side: each runs the same two tasks, in the processes that its own command line starts."""
