"""What our HTML pages have in common: their look, and how a template becomes one file that needs nothing but itself."""
