"""Whatever comes in: messages, calls and files that nobody would write by hand."""
