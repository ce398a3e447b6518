"""Faults on purpose: processes killed, servers stopped, messages forged, and the books checked afterwards."""
