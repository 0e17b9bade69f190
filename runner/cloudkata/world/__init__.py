"""One run of one world: the supervisor, the processes it starts, and the grade they lead to."""
