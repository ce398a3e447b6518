"""A synthetic marketplace: a hidden Markov process with known truth, told as the rows that a real one would leave."""
