"""What agents changed in files, and taking it back."""
