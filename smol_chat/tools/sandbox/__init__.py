"""Where code runs apart from the program."""
