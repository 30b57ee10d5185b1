"""Ask for consent: what will run, and an answer that cannot be given by accident."""
