// The floor of a command: a Node that starts and ends.
