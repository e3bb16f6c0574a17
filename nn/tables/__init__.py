"""Tables: scikit-learn's estimators over networks, and what ``python -m nn`` does with tasks and files."""
