"""What all pages share: their frame, their look, pictures inside the page, and the swipe."""
