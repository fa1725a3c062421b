"""From photos to answers: reading them, searching them, writing and drawing what was found."""
