"""What torch refuses, in its own words."""
