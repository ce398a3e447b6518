"""How tutors are judged."""
