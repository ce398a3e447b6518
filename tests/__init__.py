"""The tests mirror the tree: `tests/ml/test_scoring.py` tests `ml/scoring.py`."""
