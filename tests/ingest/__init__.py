"""Files of a customer's own data: how each is read, checked, refused or taken in."""
