"""The agent: one conversation's turns, what may run, who is asked."""
