"""Mutants: whether a test notices when one place of the code is changed."""
