"""The catalogue: labs and where they are, the inputs of a run, the task and the learner's workspace."""
