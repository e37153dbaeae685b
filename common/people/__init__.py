"""What is kept about people: found, exported, and erased when its time is over or when they ask."""
