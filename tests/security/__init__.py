"""What an attacker would try, tried: each item of deploy/security.md has its test here or names it."""
