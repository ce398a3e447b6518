"""Real workers, daemons and servers, reached as an operator would reach them."""
