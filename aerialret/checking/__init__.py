"""What a folder or a service holds, before anything is built."""
