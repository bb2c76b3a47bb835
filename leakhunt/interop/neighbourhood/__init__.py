"""What is around an object, as a small graph that people and graph viewers look at."""
