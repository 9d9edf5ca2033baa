"""The stories: each verb of the command line, told once, from input to result."""
